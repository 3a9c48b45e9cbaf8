module github.com/netsy-io/netsy/test/guides/guide

go 1.26.0
