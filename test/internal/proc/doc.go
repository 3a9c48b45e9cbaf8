// Package proc runs Netsy's real binaries as processes under test: it builds them,
// starts them with nothing but a given environment, keeps what they write, asks their
// health pages, signals them, and sees to it that none outlives the test. Linux only.
package proc
