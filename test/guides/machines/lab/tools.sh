#!/usr/bin/env bash
# tools.sh DIR: puts versitygw, etcdctl, fill, netsyctl and today's package, netsy.deb, into the directory.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../../.."
command -v jq > /dev/null || apt-get install -y jq > /dev/null
mkdir -p "$1"
dir=$(cd "$1" && pwd)
install "$(cd test/objectstore && go tool -n versitygw)" "$dir/versitygw"
install "$(cd test/etcddiff && go tool -n etcdctl)" "$dir/etcdctl"
CGO_ENABLED=0 go build -o "$dir/fill" ./test/internal/fill
VERSION=${VERSION:-1.1.0} deploy/packages/build.sh "$dir/dist" > /dev/null
install -m 0644 "$(ls -t "$dir"/dist/*.deb | head -n 1)" "$dir/netsy.deb"
install "$dir/dist/linux-$(go env GOARCH)/netsyctl" "$dir/netsyctl"
