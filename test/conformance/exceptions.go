package main

// exception is a test that fails against a target, and why that is right.
type exception struct {
	pkg, test string // package path below k8s.io/apiserver/pkg/storage, and the name of a top-level test
	reason    string
}

// netsyExceptions is empty, and every entry would need a reason that holds for a user too.
var netsyExceptions []exception
