#!/usr/bin/env bash
# Builds a release into $1 (dist): the deb and the rpm of build.sh, an archive of the programs for
# everything else, what they are made of (CycloneDX), and checksums of all of it. ARCH and VERSION as for
# build.sh. The same commit, Go and C compiler make the same bytes, wherever and whenever.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=${1:-dist}
export ARCH=${ARCH:-$(go env GOARCH)}
export VERSION=${VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo dev)}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
mkdir -p "$out"
out=$(cd "$out" && pwd)
rm -f "$out"/netsy[-_]* "$out"/SHA256SUMS # what an earlier build left would be among the checksums
deploy/packages/build.sh "$out"

name=netsy-${VERSION#v}-linux-$ARCH
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/$name/docs/guides"
cp "$out/linux-$ARCH"/{netsy-node,netsy-elector,netsy-compactor,netsyctl} LICENSE README.md "$tree/$name/"
cp docs/*.md docs/cluster.example.jsonc "$tree/$name/docs/"
cp docs/guides/*.md "$tree/$name/docs/guides/"
cp -r systemd "$tree/$name/"
chmod -R u=rwX,go=rX "$tree/$name"
tar -C "$tree" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --format=gnu -c "$name" | gzip -n -6 >"$out/$name.tar.gz"

# The C library is linked in.
glibc=$(printf '#include <features.h>\n__GLIBC__.__GLIBC_MINOR__\n' | ${CC:-gcc} -E -P - | tail -n 1 | tr -d ' ')
(cd deploy/packages && go build -o "$tree/sbom" ./sbom)
(cd "$out/linux-$ARCH" && "$tree/sbom" -version "${VERSION#v}" -time "$SOURCE_DATE_EPOCH" -with "glibc@$glibc" \
  netsy-node netsy-elector netsy-compactor netsyctl) >"$out/$name.cdx.json"

cd "$out"
sha256sum netsy[-_]*.{deb,rpm,tar.gz,cdx.json} >SHA256SUMS
