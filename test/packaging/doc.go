// Package packaging has no code but tests: of the systemd units, the deb and the rpm, and
// the cloud-init examples. They look at what would be installed: the packages are
// built, taken apart and judged as systemd, dpkg and cloud-init would.
package packaging
