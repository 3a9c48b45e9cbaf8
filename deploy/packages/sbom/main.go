// Command sbom writes what programs are made of as a CycloneDX document, by what Go wrote into them:
//
//	sbom -version 1.2.3 -time 1700000000 -with glibc@2.36 netsy-node netsyctl > netsy.cdx.json
//
// The same programs make the same document.
package main

import (
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
)

func main() {
	version := flag.String("version", "", "version of the programs")
	at := flag.Int64("time", 0, "when they were made, in seconds since 1970")
	with := flag.String("with", "", "libraries that are linked in and aren't Go's: name@version, by commas")
	flag.Parse()
	bom, err := describe(*version, time.Unix(*at, 0).UTC(), strings.FieldsFunc(*with, func(r rune) bool { return r == ',' }), flag.Args())
	if err == nil {
		err = cyclonedx.NewBOMEncoder(os.Stdout, cyclonedx.BOMFileFormatJSON).SetPretty(true).Encode(bom)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

// describe lists the programs, and beside them the modules of all of them; who needs which is among
// the dependencies.
func describe(version string, at time.Time, with, programs []string) (*cyclonedx.BOM, error) {
	product := cyclonedx.Component{BOMRef: "netsy@" + version, Type: cyclonedx.ComponentTypeApplication, Name: "netsy", Version: version}
	var components []cyclonedx.Component
	var dependencies []cyclonedx.Dependency
	libraries := map[string]cyclonedx.Component{}
	for _, w := range with {
		name, v, ok := strings.Cut(w, "@")
		if !ok {
			return nil, fmt.Errorf("%q is no name@version", w)
		}
		libraries["pkg:generic/"+w] = library("pkg:generic/"+w, name, v)
	}
	linked := slices.Sorted(maps.Keys(libraries))
	for _, path := range programs {
		program, modules, err := read(path, version)
		if err != nil {
			return nil, err
		}
		refs := slices.Clone(linked)
		for _, m := range modules {
			purl := "pkg:golang/" + m.Path + "@" + m.Version
			libraries[purl] = library(purl, m.Path, m.Version)
			refs = append(refs, purl)
		}
		slices.Sort(refs)
		components = append(components, program)
		dependencies = append(dependencies, cyclonedx.Dependency{Ref: program.BOMRef, Dependencies: &refs})
	}
	for _, purl := range slices.Sorted(maps.Keys(libraries)) {
		components = append(components, libraries[purl])
	}
	bom := cyclonedx.NewBOM()
	bom.Metadata = &cyclonedx.Metadata{Timestamp: at.Format(time.RFC3339), Component: &product}
	bom.Components, bom.Dependencies = &components, &dependencies
	return bom, nil
}

// read returns a program, and the modules in it: what replaces a module is in its stead, and Go's
// standard library is the module std, as vulnerability databases call it.
func read(path, version string) (cyclonedx.Component, []debug.Module, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return cyclonedx.Component{}, nil, fmt.Errorf("%s: %w", path, err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return cyclonedx.Component{}, nil, err
	}
	sum := sha256.Sum256(content)
	name := filepath.Base(path)
	program := cyclonedx.Component{
		BOMRef: name + "@" + version, Type: cyclonedx.ComponentTypeApplication, Name: name, Version: version,
		Hashes: &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}},
	}
	modules := []debug.Module{{Path: "std", Version: strings.TrimPrefix(info.GoVersion, "go")}}
	for _, m := range info.Deps {
		modules = append(modules, *cmp.Or(m.Replace, m))
	}
	return program, modules, nil
}

func library(purl, name, version string) cyclonedx.Component {
	return cyclonedx.Component{BOMRef: purl, Type: cyclonedx.ComponentTypeLibrary, Name: name, Version: version, PackageURL: purl}
}
