# The cluster of docs/guides/three-vms.md, at work: its commands from "## Install" to its first data,
# for the guides that go on from there. PACKAGE: the package to install, if not today's.
__page=$LAB/../../../../docs/guides/three-vms.md
[ -z "${PACKAGE:-}" ] || cp "$PACKAGE" netsy.deb
awk '/^## Install/ { on = 1 } /^## A machine is lost/ { exit } on && /^```sh$/ { sh = 1; next } /^```$/ { sh = 0 } sh' "$__page" > .cluster.sh
sed -i "s/apt-get install -y/dpkg -i/" .cluster.sh
. ./.cluster.sh > cluster.log
cp "$LAB_TOOLS"/*.deb .
