#!/usr/bin/env bash
# old.sh COMMIT DIR: puts a package of an earlier commit's programs, netsy-old.deb, into the directory, as
# version 1.0.0. Today's packaging is used: what is tried is how the programs get along.
# Status 3: this clone doesn't have the commit.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../../.."
commit=$1 dir=$2
git cat-file -e "$commit^{commit}" 2> /dev/null || exit 3
mkdir -p "$dir/old"
git archive "$commit" go.mod go.sum cmd pkg | tar -x -C "$dir/old"
ARCH=$(go env GOARCH)
(cd "$dir/old" && CGO_ENABLED=1 go build -p 2 -trimpath -tags netgo,osusergo,sqlite_omit_load_extension \
  -ldflags "-s -w -linkmode external -extldflags -static -X github.com/netsy-io/netsy/pkg/version.version=1.0.0" \
  -o "$dir/old/bin/" ./cmd/netsy-node ./cmd/netsy-elector ./cmd/netsy-compactor ./cmd/netsyctl)
export ARCH PACKAGE_VERSION=1.0.0 BINARIES=$dir/old/bin SOURCE_DATE_EPOCH=0
go tool -modfile=deploy/packages/go.mod nfpm package --config deploy/packages/nfpm.yaml --packager deb --target "$dir/netsy-old.deb" > /dev/null
