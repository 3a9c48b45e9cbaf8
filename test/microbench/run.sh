#!/bin/bash
# Runs the micro-benchmarks of the working tree: the functions BenchmarkMicro* of pkg/. With a
# revision as its argument it runs them there, too, taking turns, and prints benchstat's table.
# docs/benchmarks.md says more.
#
#   BENCH      which ones, by what follows BenchmarkMicro (Tree, Tree/keys=100000/get); default all
#   COUNT      rounds; default 6
#   BENCHTIME  of each benchmark in each round; default 200ms
#   OUT        directory of the results; default bin/microbench
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD base=${1:-} BENCH=${BENCH:-} COUNT=${COUNT:-6} BENCHTIME=${BENCHTIME:-200ms}
mkdir -p "${OUT:=bin/microbench}"
out=$(cd "$OUT" && pwd)
mapfile -t packages < <(grep -rl --include='*_bench_test.go' '^func BenchmarkMicro' pkg | xargs -n1 dirname | sort -u)
work=$(mktemp -d)

cleanup() {
  [ ! -e "$work/tree" ] || git worktree remove --force "$work/tree"
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# build TREE NAME makes the test programs of a tree.
build() {
  mkdir "$work/$2"
  for p in "${packages[@]}"; do
    [ ! -d "$1/$p" ] || (cd "$1" && go test -c -o "$work/$2/${p//\//-}" "./$p")
  done
}

# round TREE NAME runs each program once, where its package is.
round() {
  for p in "${packages[@]}"; do
    [ -x "$work/$2/${p//\//-}" ] || continue
    (cd "$1/$p" && "$work/$2/${p//\//-}" -test.run '^$' -test.bench "^BenchmarkMicro$BENCH" -test.benchmem -test.benchtime "$BENCHTIME") |
      tee -a "$out/$2.txt" | { grep -v '^PASS$' || true; } >&2
  done
}

# bring gives a package of the other tree the present benchmarks, so that both run the same
# ones; where they don't compile, it keeps its own.
bring() {
  [ -d "$work/tree/$1" ] || return 0
  rm -f "$work/tree/$1"/*_bench_test.go
  cp "$1"/*_bench_test.go "$work/tree/$1/"
  (cd "$work/tree" && go vet "./$1" 2>/dev/null) && return
  echo "$1: the present benchmarks don't compile at $base; its own run, if it has any" >&2
  git -C "$work/tree" clean -qf -- "$1"
  git -C "$work/tree" checkout -q -- "$1"
}

trees=("$root present")
: >"$out/present.txt"
if [ -n "$base" ]; then
  git worktree add -q --detach "$work/tree" "$base"
  for p in "${packages[@]}"; do bring "$p"; done
  trees=("$work/tree base" "${trees[@]}")
  : >"$out/base.txt"
fi
for t in "${trees[@]}"; do build $t; done
for ((i = 1; i <= COUNT; i++)); do
  echo "round $i of $COUNT" >&2
  for t in "${trees[@]}"; do round $t; done
done
[ -z "$base" ] || (cd "$out" && go tool -modfile="$root/tools/go.mod" benchstat base.txt present.txt)
