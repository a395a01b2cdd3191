// Mkimage builds a container image from files and folders, without a container
// engine and without a registry: a spec in JSON goes in, a docker-archive comes
// out. The same inputs give the same bytes. README.md tells the spec's format.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	base := flag.String("C", ".", "folder that relative sources in the spec start from")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: mkimage [-C FOLDER] SPEC.json OUT.tar")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 2 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*base, flag.Arg(0), flag.Arg(1)); err != nil {
		fmt.Fprintf(os.Stderr, "mkimage: %v\n", err)
		os.Exit(1)
	}
}

// run builds the image that the spec file describes. It prints the reference
// and the digest of the image's configuration: the identity that a pod's
// imageID shows (containerd writes a manifest of its own on import).
func run(base, specFile, out string) error {
	spec, err := readSpec(specFile)
	if err != nil {
		return err
	}
	image, err := build(base, spec)
	if err != nil {
		return fmt.Errorf("%s: %w", specFile, err)
	}
	if err := write(image, spec.Ref, out); err != nil {
		return err
	}
	config, err := image.ConfigName()
	if err != nil {
		return fmt.Errorf("digest of the configuration: %w", err)
	}
	fmt.Println(spec.Ref, config)
	return nil
}
