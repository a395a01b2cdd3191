package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// killLimit is how long killed processes may take to be gone.
const killLimit = time.Minute

// namespaces lists the names of network namespaces that a cluster may have.
func (c *Cluster) namespaces() []string {
	list := []string{c.namespace(), c.floorNamespace()}
	for _, n := range c.nodes(maxNodes)[1:] {
		list = append(list, n.namespace())
	}
	return list
}

// cgroupNames lists the cgroups that a cluster may have.
func (c *Cluster) cgroupNames() []string {
	var list []string
	for _, n := range c.nodes(maxNodes) {
		list = append(list, n.cgroup())
	}
	return list
}

// clear removes everything that belongs to the cluster, whatever of it there is
// and however it came to be: it looks at the machine, not at records. Nothing is
// asked to end nicely, as all of its data goes too.
func (c *Cluster) clear() error {
	spaces := c.namespaces()
	all := func() ([]int, error) { return processes(spaces, []string{marker + c.State}, c.cgroupNames()) }
	if err := c.kill(all); err != nil {
		return err
	}
	c.removeRuntimeTraces()
	if err := unmountBelow(c.State); err != nil {
		return err
	}
	for _, space := range spaces {
		if err := removeNamespace(space); err != nil {
			return err
		}
	}
	for _, folder := range cgroups(c.cgroupNames()) {
		if err := removeCgroup(folder); err != nil {
			return fmt.Errorf("cgroup: %w", err)
		}
	}
	// The records go first: what is left after a failure is no whole cluster.
	return errors.Join(os.RemoveAll(c.stateFile()), os.RemoveAll(c.State))
}

// kill ends the processes that list returns, until it returns none.
func (c *Cluster) kill(list func() ([]int, error)) error {
	for begin := time.Now(); ; time.Sleep(waitPoll / 2) {
		pids, err := list()
		if err != nil || len(pids) == 0 {
			return err
		}
		if time.Since(begin) > killLimit {
			return fmt.Errorf("processes %v do not end, although killed %s ago", pids, killLimit)
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may just have ended
		}
	}
}

// processes lists who is in one of the network namespaces, has all of the marks
// in its environment, or is in one of the cgroups; never the calling process.
func processes(spaces, marks, groups []string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	inside := cgroupProcesses(groups)
	var list []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if _, err := startTime(pid); err != nil {
			continue // a zombie is somebody else's to reap
		}
		if inside[entry.Name()] || inSpaces(entry.Name(), spaces) || hasMarks(entry.Name(), marks) {
			list = append(list, pid)
		}
	}
	return list, nil
}

// hasMarks tells whether the environment has all of the variables.
func hasMarks(pid string, marks []string) bool {
	content, err := os.ReadFile(filepath.Join("/proc", pid, "environ"))
	if err != nil {
		return false
	}
	variables := bytes.Split(content, []byte{0})
	for _, mark := range marks {
		if !slices.ContainsFunc(variables, func(v []byte) bool { return string(v) == mark }) {
			return false
		}
	}
	return true
}

// inSpaces tells whether the process is in one of the namespaces. The machine's
// own namespace never counts, whatever a stray name leads to.
func inSpaces(pid string, spaces []string) bool {
	own, err := os.Stat(filepath.Join("/proc", pid, "ns", "net"))
	if err != nil {
		return false
	}
	if machine, err := os.Stat("/proc/1/ns/net"); err != nil || os.SameFile(own, machine) {
		return false
	}
	return slices.ContainsFunc(spaces, func(space string) bool {
		info, err := os.Stat(filepath.Join(namespaceFolder, space))
		return err == nil && os.SameFile(own, info)
	})
}

// mount is a line of the mount table.
type mount struct{ point, kind string }

func readMounts() ([]mount, error) {
	content, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, err
	}
	var list []mount
	plain := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		list = append(list, mount{plain.Replace(fields[1]), fields[2]})
	}
	return list, nil
}

// unmountBelow removes all mounts in a folder, latest first, and fails if one
// stays: what is mounted must not be deleted with the folder.
func unmountBelow(folder string) error {
	below := func() ([]string, error) {
		mounts, err := readMounts()
		if err != nil {
			return nil, err
		}
		var points []string
		for _, m := range mounts {
			if strings.HasPrefix(m.point, folder+"/") {
				points = append(points, m.point)
			}
		}
		slices.Reverse(points)
		return points, nil
	}
	points, err := below()
	if err != nil {
		return err
	}
	for _, point := range points {
		_ = unix.Unmount(point, unix.MNT_DETACH) // checked below
	}
	points, err = below()
	if err == nil && len(points) > 0 {
		err = fmt.Errorf("cannot unmount %v", points)
	}
	return err
}

// removeNamespace removes a named network namespace, also one whose making was
// interrupted between the file and the mount.
func removeNamespace(name string) error {
	file := filepath.Join(namespaceFolder, name)
	if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for unix.Unmount(file, unix.MNT_DETACH) == nil { // until nothing is mounted there
	}
	return os.Remove(file)
}

// removeRuntimeTraces removes what containerd and the CNI plugins keep in
// fixed places of the machine.
func (c *Cluster) removeRuntimeTraces() {
	tasks, _ := filepath.Glob(c.path("node*", "containerd/state/io.containerd.runtime.v2.task/k8s.io/*"))
	for _, task := range tasks {
		if address, err := os.ReadFile(filepath.Join(task, "address")); err == nil {
			if socket, found := strings.CutPrefix(string(address), "unix://"); found {
				_ = os.Remove(socket)
			}
		}
		results, _ := filepath.Glob("/var/lib/cni/results/*-" + filepath.Base(task) + "-*")
		for _, result := range results {
			_ = os.Remove(result)
		}
	}
	// Only if empty, which means that nobody else uses them.
	for _, folder := range []string{"/run/containerd/s", "/run/containerd", "/var/lib/cni/results", "/var/lib/cni"} {
		_ = os.Remove(folder)
	}
}
