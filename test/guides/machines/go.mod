module github.com/netsy-io/netsy/test/guides/machines

go 1.26.0

require github.com/netsy-io/netsy/test/guides/guide v0.0.0

replace github.com/netsy-io/netsy/test/guides/guide => ../guide
