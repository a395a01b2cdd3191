package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// machineFolder holds what all clusters of this machine share, whatever checkout
// they come from: who owns a name, locks, and the settings to put back.
const machineFolder = "/run/andon-cluster"

// lock takes the name, so that two commands do not make or remove one cluster
// at a time, and returns what gives it back. It waits for its turn.
func (c *Cluster) lock() (func(), error) { return lock(c.Name + ".lock") }

func lock(name string) (func(), error) {
	if err := os.MkdirAll(machineFolder, 0o755); err != nil {
		return nil, fmt.Errorf("%w (run as root)", err)
	}
	path := filepath.Join(machineFolder, name)
	for {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
		if err != nil {
			return nil, err
		}
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
			file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		// Its last holder may have removed it while we waited.
		held, err1 := file.Stat()
		current, err2 := os.Stat(path)
		if err1 == nil && err2 == nil && os.SameFile(held, current) {
			return func() {
				_ = os.Remove(path)
				_ = file.Close()
			}, nil
		}
		file.Close()
	}
}

// owner names the checkout's folder of the cluster of this name, or "" if the
// name is free.
func (c *Cluster) owner() (string, error) {
	content, err := os.ReadFile(c.ownerFile())
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(content), err
}

func (c *Cluster) ownerFile() string { return filepath.Join(machineFolder, c.Name+".owner") }

// own takes the name for this checkout, and makes the link to the cluster's folder.
func (c *Cluster) own() error {
	if err := writeFile(c.ownerFile(), []byte(c.State), 0o644); err != nil {
		return err
	}
	if err := remove(c.link()); err != nil {
		return err
	}
	return os.Symlink(c.State, c.link())
}

// disown gives the name back, and the settings of the machine if this was the
// last cluster.
func (c *Cluster) disown() error {
	if err := errors.Join(remove(c.link()), remove(c.ownerFile())); err != nil {
		return err
	}
	unlock, err := lock("machine.lock")
	if err != nil {
		return err
	}
	defer unlock()
	others, err := filepath.Glob(filepath.Join(machineFolder, "*.owner"))
	if err != nil || len(others) > 0 {
		return err
	}
	return errors.Join(writeSysctls(), remove(sysctlFile), removeDevicePlugins())
}

// remove removes a file, if it is there.
func remove(file string) error {
	if err := os.Remove(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// devicePlugins is where every kubelet has a socket, whatever its folder is.
const devicePlugins = "/var/lib/kubelet/device-plugins"

// removeDevicePlugins removes what our kubelets left there, unless one of
// somebody else listens.
func removeDevicePlugins() error {
	socket := filepath.Join(devicePlugins, "kubelet.sock")
	if connection, err := net.Dial("unix", socket); err == nil {
		return connection.Close()
	}
	err := remove(socket)
	// Only if empty: the folders may be somebody else's.
	_ = os.Remove(devicePlugins)
	_ = os.Remove(filepath.Dir(devicePlugins))
	return err
}

// machineSysctls are settings of the whole machine that a starting kubelet
// overwrites, and that clusters must put back.
var machineSysctls = []string{
	"vm/overcommit_memory", "vm/panic_on_oom",
	"kernel/panic", "kernel/panic_on_oops",
	"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
}

var sysctlFile = filepath.Join(machineFolder, "sysctl.json")

// saveSysctls notes the settings once, before the first cluster changes them. A
// run that was killed leaves the note for the next one.
func saveSysctls() error {
	unlock, err := lock("machine.lock")
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(sysctlFile); err == nil {
		return nil
	}
	saved := map[string]string{}
	for _, name := range machineSysctls {
		content, err := os.ReadFile(filepath.Join("/proc/sys", name))
		if err == nil { // else this kernel does not have it
			saved[name] = string(content)
		}
	}
	content, err := json.Marshal(saved)
	if err != nil {
		return err
	}
	return writeFile(sysctlFile, content, 0o644)
}

// restoreSysctls puts the settings back; the note stays.
func restoreSysctls() error {
	unlock, err := lock("machine.lock")
	if err != nil {
		return err
	}
	defer unlock()
	return writeSysctls()
}

// writeSysctls writes the noted settings, if there is a note.
func writeSysctls() error {
	content, err := os.ReadFile(sysctlFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var saved map[string]string
	if err := json.Unmarshal(content, &saved); err != nil {
		return fmt.Errorf("%s: %w", sysctlFile, err)
	}
	var failed []error
	for name, value := range saved {
		failed = append(failed, os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0))
	}
	return errors.Join(failed...)
}

// tools are the programs that Debian packages bring.
var tools = map[string]string{
	"ip": "iproute2", "containerd": "containerd", "containerd-shim-runc-v2": "containerd",
	"ctr": "containerd", "runc": "runc", "nft": "nftables", "iptables": "iptables",
}

// checkTools tells everything that is missing, and how to get it.
func (c *Cluster) checkTools() error {
	var missing []error
	if os.Geteuid() != 0 {
		missing = append(missing, errors.New("a cluster needs root: namespaces, mounts and cgroups"))
	}
	for program, pkg := range tools {
		if _, err := lookPath(program); err != nil {
			missing = append(missing, fmt.Errorf("%s is not installed: run `make cluster-deps` (Debian package %s)", program, pkg))
		}
	}
	if _, err := os.Stat("/usr/lib/cni/bridge"); err != nil {
		missing = append(missing, fmt.Errorf("%w: run `make cluster-deps` (Debian package containernetworking-plugins)", err))
	}
	for _, file := range []string{c.binary("hyper"), c.binary("coredns"), filepath.Join(c.Root, pauseArchive)} {
		if _, err := os.Stat(file); err != nil {
			missing = append(missing, fmt.Errorf("%w: run `make cluster-programs`", err))
		}
	}
	return errors.Join(missing...)
}

// lookPath finds a program also where only root's shell looks.
func lookPath(program string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	for _, folder := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		path := filepath.Join(folder, program)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: %w", program, exec.ErrNotFound)
}
