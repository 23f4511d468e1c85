# The image of `pgdrift serve` and the command line, without the demo: it has no PostgreSQL.
# `make image` builds it with whatever is there, `make image-test` on a stand-in for the base.
#
# A release pins the base by digest as well:
#   --build-arg BASE=python:3.12.12-slim-bookworm@sha256:…
ARG BASE=python:3.12.12-slim-bookworm

FROM ${BASE} AS build
WORKDIR /src
ENV PYTHONHASHSEED=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore PIP_ONLY_BINARY=:all:
COPY deploy/image/build.lock requirements-runtime.lock ./
# Two environments: one that builds, and stays here; one that goes, with nothing to install with.
RUN python3 -m venv /build \
 && /build/bin/python -m pip install --quiet --require-hashes -r build.lock \
 && python3 -m venv --without-pip /opt/pgdrift \
 && /build/bin/python -m pip --python /opt/pgdrift/bin/python install --quiet --no-compile \
        --require-hashes -r requirements-runtime.lock
COPY pyproject.toml README.md LICENSE ./
COPY daemon ./daemon
# Of one commit one image: no time of the build in it. What is compiled is not checked against its
# source again, which in an image cannot change.
ARG SOURCE_DATE_EPOCH=0
RUN /build/bin/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheel . \
 && /build/bin/python -m pip --python /opt/pgdrift/bin/python install --quiet --no-compile --no-deps \
        --no-index /wheel/*.whl \
 && find /opt/pgdrift/bin -type f ! -name pgdrift -delete \
 && /opt/pgdrift/bin/python -m compileall -q -f -j 1 --invalidation-mode unchecked-hash \
        /opt/pgdrift/lib \
 && find /opt/pgdrift -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH}" {} +

FROM ${BASE}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="pgdrift" \
      org.opencontainers.image.description="Watches the PostgreSQL schema of every environment and says what drifted, since when, in which direction and by whom" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# A name for the number, and a folder that a fresh volume takes its owner from.
RUN echo 'pgdrift:x:10001:10001::/var/lib/pgdrift:/usr/sbin/nologin' >> /etc/passwd \
 && echo 'pgdrift:x:10001:' >> /etc/group \
 && install -d -o 10001 -g 10001 -m 0750 /var/lib/pgdrift
COPY --from=build /opt/pgdrift /opt/pgdrift
ENV PATH=/opt/pgdrift/bin:${PATH} PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# Where the default store lies, and whatever SQLite lays aside: nothing else need be writable.
WORKDIR /var/lib/pgdrift
USER 10001:10001
EXPOSE 8080
# No HEALTHCHECK: Kubernetes has its probes, and Compose its own, for /healthz and /readyz.
ENTRYPOINT ["pgdrift"]
CMD ["serve"]
