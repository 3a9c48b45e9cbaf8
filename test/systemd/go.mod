// The systemd lane: the deb on a Debian of its own, under its systemd. It needs the standard library
// only; what it tries out is built from the root module, and the S3 server from test/objectstore.
module github.com/netsy-io/netsy/test/systemd

go 1.26.0
