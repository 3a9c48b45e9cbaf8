#!/bin/sh
# Before removal, but not before an upgrade (deb: "upgrade", rpm: 1): programs that are gone can't
# be left running.
set -e
case "$1" in
remove | 0)
    if [ -d /run/systemd/system ]; then
        systemctl disable --now netsy-compactor.timer netsy-compactor.service netsy-elector.service netsy-node.service
    fi
    ;;
esac
