// The image lane: the Containerfile, built by buildah and run by podman. It needs the standard
// library only.
module github.com/netsy-io/netsy/test/image

go 1.26.0
