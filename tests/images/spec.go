package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
)

// Spec describes one image.
type Spec struct {
	Ref          string            `json:"ref"`          // name:tag that the archive carries
	Architecture string            `json:"architecture"` // amd64 if empty
	Entrypoint   []string          `json:"entrypoint"`
	Cmd          []string          `json:"cmd"`
	Env          []string          `json:"env"` // NAME=VALUE
	User         string            `json:"user"`
	WorkingDir   string            `json:"workingDir"`
	Labels       map[string]string `json:"labels"`
	Layers       []Layer           `json:"layers"` // lowest first
}

// Layer describes one layer. Of two entries for one path the later kind wins,
// in the order of the fields here.
type Layer struct {
	Comment string            `json:"comment"` // shown in the image's history
	Copy    []Copy            `json:"copy"`
	Files   map[string]string `json:"files"` // path in the image -> text
	Dirs    map[string]string `json:"dirs"`  // path in the image -> octal mode, 0755 if empty
	Links   map[string]string `json:"links"` // path in the image -> target
}

// Copy brings a file or a whole folder into the image.
type Copy struct {
	From    string   `json:"from"`    // file or folder; links are followed
	To      string   `json:"to"`      // absolute path in the image
	Exclude []string `json:"exclude"` // patterns for names and for paths below From
}

// readSpec reads and checks a spec. A field that does not exist is an error.
func readSpec(file string) (*Spec, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var spec Spec
	if err := decoder.Decode(&spec); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if spec.Architecture == "" {
		spec.Architecture = "amd64"
	}
	if err := spec.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &spec, nil
}

// check tells everything that is wrong with the spec, not only the first thing.
func (s *Spec) check() error {
	var wrong []error
	if s.Ref == "" {
		wrong = append(wrong, errors.New(`ref: is empty, want a name and a tag, like "andon.dev/pause:0.1.0"`))
	}
	for i, variable := range s.Env {
		if !strings.Contains(variable, "=") {
			wrong = append(wrong, fmt.Errorf("env[%d]: %q, want NAME=VALUE", i, variable))
		}
	}
	for i, layer := range s.Layers {
		if err := layer.check(); err != nil {
			wrong = append(wrong, fmt.Errorf("layers[%d] (%s): %w", i, layer.Comment, err))
		}
	}
	return errors.Join(wrong...)
}

// check tells everything that is wrong with the layer.
func (l *Layer) check() error {
	var wrong []error
	for i, c := range l.Copy {
		if c.From == "" {
			wrong = append(wrong, fmt.Errorf("copy[%d].from: is empty, want a file or folder", i))
		}
		wrong = append(wrong, checkPath(fmt.Sprintf("copy[%d].to", i), c.To))
		for _, pattern := range c.Exclude {
			if _, err := path.Match(pattern, ""); err != nil {
				wrong = append(wrong, fmt.Errorf("copy[%d].exclude: %q: %w", i, pattern, err))
			}
		}
	}
	for p := range l.Files {
		wrong = append(wrong, checkPath("files", p))
	}
	for p, mode := range l.Dirs {
		wrong = append(wrong, checkPath("dirs", p))
		if _, err := parseMode(mode); err != nil {
			wrong = append(wrong, fmt.Errorf("dirs[%q]: %w", p, err))
		}
	}
	for p, target := range l.Links {
		wrong = append(wrong, checkPath("links", p))
		if target == "" {
			wrong = append(wrong, fmt.Errorf("links[%q]: is empty, want the link's target", p))
		}
	}
	return errors.Join(wrong...)
}

// checkPath accepts absolute, clean paths: others would say one thing and mean
// another.
func checkPath(field, p string) error {
	if !strings.HasPrefix(p, "/") || path.Clean(p) != p || p == "/" {
		return fmt.Errorf("%s: %q is no absolute, clean path in the image, want one like /opt/app", field, p)
	}
	return nil
}

// parseMode reads an octal mode; none means 0755.
func parseMode(text string) (int64, error) {
	if text == "" {
		return 0o755, nil
	}
	mode, err := strconv.ParseInt(text, 8, 64)
	if err != nil || mode < 0 || mode > 0o7777 {
		return 0, fmt.Errorf("mode %q, want an octal number up to 7777, like 0755", text)
	}
	return mode, nil
}
