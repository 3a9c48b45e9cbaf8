// Package systemd installs the deb on a small Debian that boots with systemd as its process 1, in a
// container by systemd-nspawn, and runs Netsy there as docs/vms.md says: started, stopped, killed,
// misconfigured, rebooted, upgraded, removed and purged.
//
// It needs root, mmdebstrap, systemd-nspawn and a Debian mirror (test/systemd/setup.sh installs the
// programs); without them it is skipped, and says so. With NETSY_SYSTEMD_STRICT set that is a failure.
// The Debian is kept in the user's cache directory, as made.
package systemd
