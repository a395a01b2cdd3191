package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// marker is set in the environment of every process of a cluster, with the
// cluster's folder as value, and is inherited: it finds them without any record.
const marker = "ANDON_CLUSTER="

// nodeMarker names the node in the same way.
const nodeMarker = "ANDON_CLUSTER_NODE="

// record tells one process from a later one with the same id.
type record struct {
	PID   int    `json:"pid"`
	Start string `json:"start"` // in clock ticks since boot
}

// command describes a process to start.
type command struct {
	name      string // of its log and record
	namespace string
	path      string
	args      []string // from argv[0]
	node      string   // empty for the control plane
	files     []*os.File
}

// start starts a process that outlives this one, in a session of its own.
func (c *Cluster) start(p command) error {
	logFile := c.path("log", p.name+".log")
	if err := os.MkdirAll(filepath.Dir(logFile), 0o755); err != nil {
		return err
	}
	output, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer output.Close()
	process := exec.Cmd{
		Path:        p.path,
		Args:        p.args,
		Dir:         "/",
		Env:         c.environment(p.node),
		Stdout:      output,
		Stderr:      output,
		ExtraFiles:  p.files,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if err := inNamespace(p.namespace, process.Start); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	go func() { _ = process.Wait() }() // reap it, should it end before this process does
	return c.remember(p.name, process.Process.Pid)
}

// environment is what processes of the cluster get: little, so that they behave
// the same whoever starts them.
func (c *Cluster) environment(node string) []string {
	list := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", marker + c.State}
	if node != "" {
		list = append(list, nodeMarker+node)
	}
	return list
}

// remember writes the process's record.
func (c *Cluster) remember(name string, pid int) error {
	start, err := startTime(pid)
	if err != nil {
		return fmt.Errorf("%s ended at once%s", name, c.logTails([]string{name}))
	}
	content, err := json.Marshal(record{pid, start})
	if err != nil {
		return err
	}
	return writeFile(c.path("run", name+".json"), content, 0o644)
}

// alive tells whether the process of that name runs.
func (c *Cluster) alive(name string) bool {
	r, err := c.record(name)
	if err != nil {
		return false
	}
	start, err := startTime(r.PID)
	return err == nil && start == r.Start
}

func (c *Cluster) record(name string) (record, error) {
	var r record
	content, err := os.ReadFile(c.path("run", name+".json"))
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(content, &r)
}

// ended lists those of the named processes that do not run.
func (c *Cluster) ended(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), c.alive)
}

// startTime reads when a process began. A zombie counts as ended.
func startTime(pid int) (string, error) {
	content, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", err
	}
	// The command's name, in parentheses, may hold spaces and parentheses.
	text := string(content)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return "", errors.New("ended")
	}
	return fields[19], nil
}

// output runs a program to its end and returns what it printed; an error
// holds what it complained about.
func output(program string, args ...string) (string, error) {
	var stdout, stderr strings.Builder
	process := exec.Command(program, args...)
	process.Stdout, process.Stderr = &stdout, &stderr
	if err := process.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", filepath.Base(program), strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}
