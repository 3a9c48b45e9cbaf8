module github.com/netsy-io/netsy/test/model

go 1.26.0
