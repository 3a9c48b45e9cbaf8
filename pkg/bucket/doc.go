// Package bucket reads all that is in a cluster's bucket: what there is, by what it is,
// and the chunks in the order of their slots, downloaded ahead. It judges nothing: see
// packages history, verify and restore.
package bucket
