package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

const (
	seamPath   = "pkg/storage/etcd3/testserver" // the one package that is replaced, in upstreamModule
	seamSource = "testserver"                   // by the files of this directory
)

// writeOverlay writes a file for `go test -overlay` under which, in the copy of the upstream
// module at tree, the package at seamPath consists of the files of seamSource alone. It returns
// the file's path, which is in dir.
func writeOverlay(tree, dir string) (string, error) {
	replace := map[string]string{}
	theirs, err := goFiles(filepath.Join(tree, seamPath))
	if err != nil {
		return "", err
	}
	for _, file := range theirs {
		replace[file] = "" // gone, unless replaced below
	}
	ours, err := goFiles(seamSource)
	if err != nil {
		return "", err
	}
	for _, file := range ours {
		replace[filepath.Join(tree, seamPath, filepath.Base(file))] = file
	}
	var text bytes.Buffer
	if err := json.NewEncoder(&text).Encode(map[string]any{"Replace": replace}); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, text.Bytes(), 0o600)
}

// goFiles returns the absolute paths of the Go files in dir. None is an error.
func goFiles(dir string) ([]string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(abs, "*.go"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no Go files in %s: has the package moved?", dir)
	}
	return files, nil
}
