#!/usr/bin/env bash
# Installs what the image lane needs, if this is a Debian and root may.
set -euo pipefail
missing=()
for p in mmdebstrap buildah podman runc curl; do
  command -v "$p" >/dev/null || missing+=("$p")
done
((${#missing[@]})) || exit 0
if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
  echo "missing: ${missing[*]}. They are Debian's packages; the test will say that it is skipped." >&2
  exit 0
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
