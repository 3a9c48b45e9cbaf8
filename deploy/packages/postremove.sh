#!/bin/sh
# After removal. /var/lib/netsy stays, even when the package is purged: where writes are acknowledged by
# a quorum of nodes, the last of them may be on their disks only. So do keys, which the package didn't
# bring. What can be made again goes.
set -e
if [ "$1" = purge ]; then
    rm -rf /var/cache/netsy-compactor
fi
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
fi
