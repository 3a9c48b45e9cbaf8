#!/bin/sh
# After installation and upgrade. It makes the user and the directory of certificates, and starts,
# enables and restarts nothing: a cluster is upgraded one node after the other, by whoever watches it.
set -e
systemd-sysusers netsy.conf
systemd-tmpfiles --create netsy.conf
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
fi
