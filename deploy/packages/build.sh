#!/usr/bin/env bash
# Builds the deb and the rpm into $1 (dist). ARCH: amd64 or arm64; VERSION: 1.2.3, or by default what git
# says: a commit without a tag makes 0.0.0~{time}.{commit}, which every release is newer than.
# FORMATS: deb, rpm or both. Needs Go, git, and a C compiler for ARCH in CC (SQLite is C).
set -euo pipefail
cd "$(dirname "$0")/../.."
out=${1:-dist}
export ARCH=${ARCH:-$(go env GOARCH)}
version=${VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo dev)}
commit=${COMMIT-$(git rev-parse HEAD 2>/dev/null || :)}
# Times within the packages are the commit's, so that the same commit makes the same package.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
if [[ $version =~ ^v?([0-9]+\.[0-9]+\.[0-9]+)$ ]]; then
  PACKAGE_VERSION=${BASH_REMATCH[1]}
else
  PACKAGE_VERSION=0.0.0~$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S).${version//-/.}
fi
mkdir -p "$out"
out=$(cd "$out" && pwd)
BINARIES=$out/linux-$ARCH
export SOURCE_DATE_EPOCH PACKAGE_VERSION BINARIES

# Static, so that one package fits every distribution; names are looked up by Go, not by the C
# library, which can't be linked in; without gRPC to Google's storage, which is reached by HTTP.
# -s -w: the symbols of stack traces stay. Neither the directory nor the state of the checkout gets
# into them, so that they are the same wherever they are built.
CGO_ENABLED=1 GOOS=linux GOARCH=$ARCH go build -trimpath -buildvcs=false -tags netgo,osusergo,sqlite_omit_load_extension,disable_grpc_modules \
  -ldflags "-s -w -linkmode external -extldflags -static -X github.com/netsy-io/netsy/pkg/version.version=$version -X github.com/netsy-io/netsy/pkg/version.commit=$commit" \
  -o "$BINARIES/" ./cmd/netsy-node ./cmd/netsy-elector ./cmd/netsy-compactor ./cmd/netsyctl

for format in ${FORMATS:-deb rpm}; do
  go tool -modfile=deploy/packages/go.mod nfpm package --config deploy/packages/nfpm.yaml --packager $format --target "$out/"
done
