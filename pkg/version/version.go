// Package version says which Netsy this is.
package version

// version is set by the linker.
var version = "dev"

// String returns the version of the build.
func String() string { return version }
