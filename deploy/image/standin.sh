#!/usr/bin/env bash
# Makes a stand-in for the base image where no registry of images is reached: standin.sh NAME.
# A minimal Debian with its own Python, from the mirror that this system's apt uses. Needs root,
# debootstrap and buildah; BUILDAH names buildah with its options.
set -euo pipefail

name=${1:?usage: standin.sh NAME}
read -ra buildah <<<"${BUILDAH:-buildah}"
if "${buildah[@]}" inspect --type image "$name" >/dev/null 2>&1; then
    exit
fi
mirror=$(awk '/^URIs:/ {print $2; exit} $1 == "deb" {print $(/\[/ ? 3 : 2); exit}' \
    /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null || true)
[[ $mirror ]] || { echo "error: apt's sources name no mirror" >&2; exit 1; }
container=$("${buildah[@]}" from scratch)
trap '"${buildah[@]}" rm "$container" >/dev/null' EXIT
root=$("${buildah[@]}" mount "$container")
debootstrap --variant=minbase --include=python3,python3-pip,python3-venv,ca-certificates \
    bookworm "$root" "$mirror" >"${LOG:-/dev/null}"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
"${buildah[@]}" umount "$container" >/dev/null
"${buildah[@]}" commit --quiet "$container" "$name" >/dev/null
