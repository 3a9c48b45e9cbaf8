// Package statuspage opens the status page of a real cluster in a real browser, as wide as a
// phone and as a desk, and looks at what a person would see. It needs Chromium; `make
// test-statuspage` installs it on Debian and the like.
package statuspage
