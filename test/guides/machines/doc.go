// Package machines runs the guides for machines: on a network of four nodes and an S3
// server, each of which has its own address, processes and disk (see lab).
package machines
