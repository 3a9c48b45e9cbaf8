#!/usr/bin/env bash
# Runs the guides: each directory here is one, either a Go module or a run.sh.
# Arguments choose some of them: run.sh quickstart tls.
# Besides Go it needs what the commands of a page need, and installs what is missing on a
# Debian-like machine.
set -euo pipefail
cd "$(dirname "$0")"
missing=()
for need in ip:iproute2 curl:curl openssl:openssl; do
  command -v "${need%:*}" > /dev/null || missing+=("${need#*:}")
done
if [ ${#missing[@]} -gt 0 ]; then
  apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"
fi
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
(cd ../.. && go build -o "$bin/" ./cmd/...)
export NETSY_BIN=$bin
failed=()
for guide in "${@:-*}"; do
  for dir in $guide/; do
    dir=${dir%/}
    printf '== guide %s (%s)\n' "$dir" "$(date +%T)"
    if [ -f "$dir/go.mod" ]; then
      (cd "$dir" && go test -count=1 -timeout 20m ${TESTFLAGS:-} ./...) || failed+=("$dir")
    else
      "$dir/run.sh" || failed+=("$dir")
    fi
  done
done
if [ ${#failed[@]} -gt 0 ]; then
  echo "guides that don't work as written: ${failed[*]}" >&2
  exit 1
fi
