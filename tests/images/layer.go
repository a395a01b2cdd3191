package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// entry is one file, folder or link of a layer.
type entry struct {
	header  tar.Header
	content []byte
}

// tree collects a layer's entries by path. What could differ between two runs
// (order, times, owners, the source's exact mode) never enters it.
type tree map[string]entry

// layerTar makes the layer's tar: entries in order of their path, all at time 0,
// owned by root.
func layerTar(base string, layer *Layer) ([]byte, error) {
	t := tree{}
	for _, c := range layer.Copy {
		if err := t.copy(base, c); err != nil {
			return nil, err
		}
	}
	for p, text := range layer.Files {
		t.add(tar.Header{Name: p, Typeflag: tar.TypeReg, Mode: 0o644}, []byte(text))
	}
	for p, text := range layer.Dirs {
		mode, err := parseMode(text)
		if err != nil {
			return nil, fmt.Errorf("dirs[%q]: %w", p, err)
		}
		t.add(tar.Header{Name: p, Typeflag: tar.TypeDir, Mode: mode}, nil)
	}
	for p, target := range layer.Links {
		t.add(tar.Header{Name: p, Typeflag: tar.TypeSymlink, Linkname: target, Mode: 0o777}, nil)
	}
	return t.bytes()
}

// add puts an entry, and the folders above it, into the tree.
func (t tree) add(header tar.Header, content []byte) {
	header.Name = strings.TrimPrefix(path.Clean("/"+header.Name), "/")
	parent := path.Dir(header.Name)
	if _, there := t[parent]; parent != "." && !there {
		t.add(tar.Header{Name: parent, Typeflag: tar.TypeDir, Mode: 0o755}, nil)
	}
	header.ModTime = time.Unix(0, 0)
	header.Size = int64(len(content))
	t[header.Name] = entry{header, content}
}

// copy adds a file or all files below a folder.
func (t tree) copy(base string, c Copy) error {
	from := c.From
	if !filepath.IsAbs(from) {
		from = filepath.Join(base, from)
	}
	info, err := os.Stat(from)
	if err != nil {
		return fmt.Errorf("copy.from: %w", err)
	}
	if !info.IsDir() {
		return t.copyFile(from, c.To)
	}
	// A start that is a link itself would not be walked.
	if from, err = filepath.EvalSymlinks(from); err != nil {
		return fmt.Errorf("copy.from: %w", err)
	}
	t.add(tar.Header{Name: c.To, Typeflag: tar.TypeDir, Mode: 0o755}, nil)
	return filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(from, p)
		if err != nil {
			return err
		}
		switch {
		case below == ".":
			return nil
		case c.excludes(below) && d.IsDir():
			return filepath.SkipDir
		case c.excludes(below):
			return nil
		case d.IsDir():
			t.add(tar.Header{Name: path.Join(c.To, below), Typeflag: tar.TypeDir, Mode: 0o755}, nil)
			return nil
		}
		return t.copyFile(p, path.Join(c.To, below))
	})
}

// excludes tells whether a pattern names the path below From or its last part.
func (c *Copy) excludes(below string) bool {
	return slices.ContainsFunc(c.Exclude, func(pattern string) bool {
		whole, _ := path.Match(pattern, below) // patterns were checked with the spec
		last, _ := path.Match(pattern, path.Base(below))
		return whole || last
	})
}

// copyFile adds one file with one of two modes. Links are followed, so that an
// image never points to where it was built.
func (t tree) copyFile(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("copy.from: %s is neither a file nor a folder nor a link to a file", from)
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	mode := int64(0o644)
	if info.Mode()&0o111 != 0 {
		mode = 0o755
	}
	t.add(tar.Header{Name: to, Typeflag: tar.TypeReg, Mode: mode}, content)
	return nil
}

// bytes writes the tree as a tar.
func (t tree) bytes() ([]byte, error) {
	names := make([]string, 0, len(t))
	for name := range t {
		names = append(names, name)
	}
	slices.Sort(names)
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	for _, name := range names {
		e := t[name]
		if e.header.Typeflag == tar.TypeDir {
			e.header.Name += "/"
		}
		if err := writer.WriteHeader(&e.header); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if _, err := writer.Write(e.content); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}
