#!/bin/sh
# What the README reports: `run.sh quick` (a minute), `run.sh exhaustive` (half an hour, 5 GB), `run.sh broken`, `run.sh walk`.
# The last line says how many runs were not as expected.
cd "$(dirname "$0")" || exit 1
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
go build -o "$dir/model" . || exit 1
bad=0
clean() { "$dir/model" -limit 280s "$@" || { bad=$((bad + 1)); echo "NOT CLEAN: $*"; }; }
broken() { # a rule taken out: the run must find a violation
	what=$1; shift
	if "$dir/model" -limit 120s -states 12000000 "$@" > "$dir/out" 2>&1; then bad=$((bad + 1)); echo "NOT CAUGHT: $what"; else echo "caught: $what"; fi
}
log_mistakes() {
	broken "no second listing" -profile na -set Init=late -apply buffer -break nolist2
	broken "delete up to the newest snapshot" -profile na -break delnewest
	broken "delete instead of a tombstone" -profile na -break deltomb
	broken "no look at the snapshots after the first slot won" -profile na -break noverify
	broken "a compactor publishes without the final listing" -profile nac -set Init=late,Vals=2 -break complist2
	broken "chunks are applied before they are proven" -profile na -set Init=late -apply stream
	broken "the slot that is joined doesn't count" -profile na -set Init=late2,Vals=2,MaxE=4 -joinfix false
	broken "a slot at or below the starting snapshot is trusted" -profile na -set Init=late2,Vals=2 -joinfix false -break belowsnap
	broken "a copy is replaced for want of knowledge" -profile ld -set Vals=1 -break ignorance
	broken "a copy is replaced though it agrees" -profile ld -set Vals=1 -break dropsame
	broken "told behind, and remembered after following again" -profile ldf -set Init=late3,Vals=2,MaxE=2 -break latebehind
}
for what in ${*:-quick}; do
	case $what in
	quick) for p in na na3s napage naorig ld; do clean -profile $p; done; log_mistakes ;;
	exhaustive) for p in elect writes cold modes modesos wipe wipe2 wipemodes join joinu joinw joina joinaw compact comptime compq static1 static2 share reads lease na na3s napage naorig ld; do clean -profile $p; done ;;
	broken) "$dir/model" -suite broken -limit 120s || bad=$((bad + 1)); log_mistakes ;;
	walk) for p in big bigos bigtime bigcold bigstatic biglease biga bigu bigna bignaos bignaor; do
		clean -mode walk -profile $p -limit "${WALK:-45s}" -depth 250 -seed "${SEED:-1}"; done ;;
	*) echo "run.sh [quick] [exhaustive] [broken] [walk]" >&2; exit 2 ;;
	esac
done
echo "$bad not as expected"
[ "$bad" = 0 ]
