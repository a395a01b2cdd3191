package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const cgroupFolder = "/sys/fs/cgroup"

// makeCgroup makes the parent of the node's pods in every hierarchy that the
// kubelet uses: all of version 1, or the one of version 2.
func (n *Node) makeCgroup() error {
	roots, err := cgroupRoots()
	if err != nil {
		return err
	}
	for _, root := range roots {
		folder := filepath.Join(root, n.cgroup())
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return fmt.Errorf("cgroup: %w", err)
		}
		// A new cpuset of version 1 is empty and takes no process.
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			content, err := os.ReadFile(filepath.Join(root, file))
			if err != nil {
				continue // not that hierarchy, or version 2, where children inherit
			}
			if err := os.WriteFile(filepath.Join(folder, file), content, 0o644); err != nil {
				return fmt.Errorf("cgroup: %w", err)
			}
		}
	}
	return nil
}

// cgroupRoots lists the hierarchies.
func cgroupRoots() ([]string, error) {
	if _, err := os.Stat(filepath.Join(cgroupFolder, "cgroup.controllers")); err == nil {
		return []string{cgroupFolder}, nil
	}
	mounts, err := readMounts()
	if err != nil {
		return nil, err
	}
	var roots []string
	for _, m := range mounts {
		if m.kind == "cgroup" {
			roots = append(roots, m.point)
		}
	}
	if len(roots) == 0 {
		return nil, fmt.Errorf("no cgroups are mounted below %s", cgroupFolder)
	}
	return roots, nil
}

// cgroups lists the folders, in all hierarchies, of the cgroups with these names.
func cgroups(names []string) []string {
	var list []string
	for _, name := range names {
		for _, pattern := range []string{filepath.Join(cgroupFolder, name), filepath.Join(cgroupFolder, "*", name)} {
			found, err := filepath.Glob(pattern)
			if err == nil { // the pattern is fixed and sound
				list = append(list, found...)
			}
		}
	}
	return list
}

// removeCgroup removes a cgroup and those below it. The kernel may hold one for
// a moment after its last process has ended.
func removeCgroup(folder string) error {
	limit := time.Now().Add(10 * time.Second)
	for {
		err := removeFolders(folder)
		if err == nil || time.Now().After(limit) {
			return err
		}
		time.Sleep(waitPoll)
	}
}

// removeFolders removes a tree of folders, lowest first, without a look at the
// files in them: those of a cgroup cannot be removed.
func removeFolders(folder string) error {
	var folders []string
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && d.IsDir() {
			folders = append(folders, path)
		}
		return err
	})
	if err != nil {
		return err
	}
	for i := len(folders) - 1; i >= 0; i-- {
		if err := os.Remove(folders[i]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// cgroupProcesses lists the processes in cgroups with these names and below.
func cgroupProcesses(names []string) map[string]bool {
	found := map[string]bool{}
	for _, folder := range cgroups(names) {
		// Folders vanish under the walk while pods end; that is no error.
		_ = filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Base(path) != "cgroup.procs" {
				return nil
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return nil
			}
			for _, pid := range strings.Fields(string(content)) {
				found[pid] = true
			}
			return nil
		})
	}
	return found
}
