#!/usr/bin/env bash
# Builds the image twice, which must give the same, and starts what it holds as the chart does.
# Needs root, for the mounts that a container runtime makes. What is missing comes from apt; the base
# is a stand-in, so that no registry of images is asked. What is built stays in .cache/image.
set -euo pipefail
cd "$(dirname "$0")/../.."

[[ $EUID -eq 0 ]] || { echo "error: mounts need root; run it as such, or in a machine of its own" >&2; exit 1; }
missing=()
for command in buildah debootstrap; do
    command -v $command >/dev/null || missing+=("$command")
done
if ((${#missing[@]})); then
    export DEBIAN_FRONTEND=noninteractive
    wait=(-o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
    apt-get update -qq "${wait[@]}"
    apt-get install -y -qq --no-install-recommends "${wait[@]}" "${missing[@]}" >/dev/null
fi

cache=$PWD/.cache/image
mkdir -p "$cache"
buildah=(buildah --root "$cache/store" --runroot "$cache/run")
# Where overlays cannot be mounted, whole copies do.
for driver in overlay vfs; do
    export STORAGE_DRIVER=$driver
    if probe=$("${buildah[@]}" from scratch 2>/dev/null) && "${buildah[@]}" mount "$probe" >/dev/null 2>&1; then
        "${buildah[@]}" rm "$probe" >/dev/null
        break
    fi
done

say() { printf '%4d s  %s\n' "$SECONDS" "$*"; }
base=$(sed -n 's/^ARG BASE=//p' Dockerfile)
BUILDAH="${buildah[*]}" LOG="$cache/debootstrap.log" deploy/image/standin.sh "$base"
say "the base: a stand-in for $base"

# A proxy in between, if there is one, shows a certificate of its own: what this system trusts holds.
trusted=/etc/ssl/certs/ca-certificates.crt
printf '[global]\ncert = %s\n' "$trusted" >"$cache/pip.conf"
options=(--isolation chroot --pull-never --network host --no-cache --quiet
    --volume "$trusted:$trusted:ro" --volume "$cache/pip.conf:/etc/pip.conf:ro")
for time in first again; do
    ENGINE="${buildah[*]}" deploy/image/build.sh "pgdrift:$time" "${options[@]}" \
        --iidfile "$cache/$time.id" >"$cache/build.log" 2>&1 || { cat "$cache/build.log" >&2; exit 1; }
    say "built, $time: $(cut -c1-19 "$cache/$time.id")…"
done
if ! cmp --silent "$cache/first.id" "$cache/again.id"; then
    echo "error: two builds of one commit are two images" >&2
    exit 1
fi

container=$("${buildah[@]}" from --pull-never pgdrift:again)
trap '"${buildah[@]}" rm "$container" >/dev/null' EXIT
ln -sfn "$("${buildah[@]}" mount "$container")" "$cache/rootfs"
"${buildah[@]}" inspect --type image pgdrift:again |
    python3 -c 'import json, sys; json.dump(json.load(sys.stdin)["OCIv1"]["config"], sys.stdout)' \
        >"$cache/config.json"
say "$(du -sm "$cache/rootfs/opt/pgdrift" | cut -f1) MB beside the base"
PGDRIFT_IMAGE=$cache .venv/bin/pytest -q -n0 tests/operate/image "$@"
say "tested"
