package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	pauseImage   = "andon.dev/pause:0.1.0"
	pauseArchive = ".cache/images/pause.tar"
)

// foreignLoader names the variable with the command that brings an image
// archive into a cluster that is not ours.
const foreignLoader = "ANDON_IMAGE_LOAD"

// load brings image archives to every node.
func (c *Cluster) load(archives []string) error {
	if len(archives) == 0 {
		return usageError("load: an image archive is needed")
	}
	if c.foreign() != "" {
		return loadForeign(archives)
	}
	state, err := c.readState()
	if err != nil {
		return err
	}
	for _, archive := range archives {
		for _, n := range c.nodes(state.Nodes) {
			if err := n.importImage(archive); err != nil {
				return err
			}
		}
	}
	return nil
}

// loadForeign runs the user's command for each archive.
func loadForeign(archives []string) error {
	words := strings.Fields(os.Getenv(foreignLoader))
	if len(words) == 0 {
		return fmt.Errorf("KUBECONFIG is set, so images go to that cluster, but %s is not: set it to a command that takes an archive as last argument, like \"kind load image-archive\"", foreignLoader)
	}
	for _, archive := range archives {
		process := exec.Command(words[0], append(words[1:], archive)...)
		process.Stdout, process.Stderr = os.Stderr, os.Stderr
		if err := process.Run(); err != nil {
			return fmt.Errorf("%s %s: %w", strings.Join(words, " "), archive, err)
		}
	}
	return nil
}

// imported tells one state of an archive from another.
type imported struct {
	Size int64
	Time time.Time
}

// importImage imports an archive, unless this very file was imported before.
func (n *Node) importImage(archive string) error {
	archive, err := filepath.Abs(archive)
	if err != nil {
		return err
	}
	info, err := os.Stat(archive)
	if err != nil {
		return fmt.Errorf("image archive: %w", err)
	}
	file := n.path("imported.json")
	known := map[string]imported{}
	if content, err := os.ReadFile(file); err == nil {
		if err := json.Unmarshal(content, &known); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	now := imported{info.Size(), info.ModTime().UTC()}
	if known[archive] == now {
		return nil
	}
	begin := time.Now()
	if _, err := n.ctr("images", "import", archive); err != nil {
		return err
	}
	known[archive] = now
	content, err := json.Marshal(known)
	if err != nil {
		return err
	}
	n.say("%s: imported %s (%.1f s)", n.Name, filepath.Base(archive), time.Since(begin).Seconds())
	return writeFile(file, content, 0o644)
}
