#!/usr/bin/env bash
# Builds the image: build.sh TAG [ARGUMENT…], with docker, podman or buildah, whichever is there;
# ENGINE names one, with its options. Of one commit it makes one image: the only time in it is that
# of the commit.
set -euo pipefail
cd "$(dirname "$0")/../.."

tag=${1:?usage: build.sh TAG [ARGUMENT…]}
shift
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
arguments=(
    --build-arg "SOURCE_DATE_EPOCH=$epoch"
    --build-arg "VERSION=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' daemon/pgdrift/__init__.py)"
    --build-arg "REVISION=$(git rev-parse HEAD)"
    --tag "$tag"
)
for engine in ${ENGINE:+"$ENGINE"} docker podman buildah; do
    read -ra command <<<"$engine"
    command -v "${command[0]}" >/dev/null || continue
    case ${command[0]} in
        docker) exec "${command[@]}" build "${arguments[@]}" "$@" . ;;
        *) exec "${command[@]}" build --timestamp "$epoch" "${arguments[@]}" "$@" . ;;
    esac
done
echo "error: there is neither docker nor podman nor buildah here" >&2
exit 1
