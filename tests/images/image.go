package main

import (
	"fmt"
	"os"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// build makes the image. Layers are not compressed: they never travel further
// than this machine, and compression would cost most of the time.
func build(base string, spec *Spec) (v1.Image, error) {
	image := empty.Image
	for i := range spec.Layers {
		layer := &spec.Layers[i]
		content, err := layerTar(base, layer)
		if err != nil {
			return nil, fmt.Errorf("layers[%d] (%s): %w", i, layer.Comment, err)
		}
		image, err = mutate.Append(image, mutate.Addendum{
			Layer:   static.NewLayer(content, types.DockerUncompressedLayer),
			History: v1.History{CreatedBy: "mkimage", Comment: layer.Comment},
		})
		if err != nil {
			return nil, fmt.Errorf("layers[%d] (%s): %w", i, layer.Comment, err)
		}
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.Architecture, config.OS = spec.Architecture, "linux"
	config.Config = v1.Config{
		Entrypoint: spec.Entrypoint,
		Cmd:        spec.Cmd,
		Env:        spec.Env,
		User:       spec.User,
		WorkingDir: spec.WorkingDir,
		Labels:     spec.Labels,
	}
	return mutate.ConfigFile(image, config)
}

// write puts the archive in place in one step, so that a reader never sees half
// of it.
func write(image v1.Image, ref, out string) error {
	tag, err := name.NewTag(ref, name.StrictValidation)
	if err != nil {
		return fmt.Errorf("ref: %w", err)
	}
	unfinished := out + ".unfinished"
	defer func() { _ = os.Remove(unfinished) }() // gone already if all went well
	if err := tarball.WriteToFile(unfinished, tag, image); err != nil {
		return fmt.Errorf("write %s: %w", unfinished, err)
	}
	return os.Rename(unfinished, out)
}
