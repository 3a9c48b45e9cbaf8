package main

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.uber.org/zap"
)

// serve makes this process one of the servers, until its standard input ends.
func serve(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("usage: %s KIND DIR MEMBERS", serveArg)
	}
	if args[0] == etcdMember {
		return serveEtcdMember(args[1], args[2])
	}
	members, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	switch args[0] {
	case "etcd":
		return serveEtcd(args[1], members)
	case noopName:
		return serveNoop(args[1])
	}
	return fmt.Errorf("there is no server %q", args[0])
}

// ready prints what clients need, and waits for the end.
func ready(a access) error {
	if err := json.NewEncoder(os.Stdout).Encode(a); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// selfSigned makes a certificate for a server and its clients. Members that are processes share it, and
// may remove the file by which another tries whether their directory can be written.
func selfSigned(dir string) (info transport.TLSInfo, err error) {
	for range 10 {
		info, err = transport.SelfCert(zap.NewNop(), filepath.Join(dir, "certs"), []string{"127.0.0.1:0"}, 1, x509.ExtKeyUsageClientAuth)
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return info, err
}
