#!/bin/sh
# After removal. /var/lib/netsy stays: where writes are acknowledged by a quorum of nodes, the last
# of them may be on their disks only.
set -e
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
fi
