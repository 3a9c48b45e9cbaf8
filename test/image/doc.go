// Package image builds deploy/container/Containerfile with buildah, every step of it, and runs what
// comes out with podman: what is in the image, who it runs as, its programs, and a node on a read-only
// root.
//
// The images that the Containerfile begins with are made here, so that no registry is asked: Go's from a
// Debian (mmdebstrap) and the toolchain that runs the tests, the others from that Debian's busybox,
// certificates and time zones, as the real ones have them.
//
// It needs root, buildah, podman, runc, mmdebstrap, curl and a Debian mirror (test/image/setup.sh installs the
// programs); without them it is skipped, and says so. With NETSY_IMAGE_STRICT set that is a failure.
package image
