package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// The shop floor is a network of its own beside the cluster: machines and the
// ERP live there, and pods reach them over one cable.
const (
	floorAddress = "172.31.0.10"
	floorGateway = "172.31.0.1"
	floorLink    = "v-floor" // the cluster's end of the cable
)

func (c *Cluster) floorNamespace() string { return c.namespace() + "-floor" }

// floor makes the shop floor's network if it is not there, or cuts or heals its link.
func floor(c *Cluster, args []string) error {
	if err := c.needOwn("floor"); err != nil {
		return err
	}
	switch {
	case len(args) == 0:
		return c.makeFloor()
	case len(args) == 1 && args[0] == "cut":
		return ip("-n " + c.namespace() + " link set " + floorLink + " down")
	case len(args) == 1 && args[0] == "heal":
		return ip("-n " + c.namespace() + " link set " + floorLink + " up")
	}
	return usageError(fmt.Sprintf("floor: %q, want nothing, cut or heal", args))
}

// makeFloor wires the floor to the cluster. There is no address translation:
// the ERP sees the pods' own addresses.
func (c *Cluster) makeFloor() error {
	center, space := c.namespace(), c.floorNamespace()
	if _, err := os.Stat(filepath.Join(namespaceFolder, space)); err == nil {
		return nil
	}
	return ip(
		"netns add "+space,
		"-n "+space+" link set lo up",
		"-n "+center+" link add "+floorLink+" type veth peer name eth0 netns "+space,
		"-n "+center+" addr add "+floorGateway+"/24 dev "+floorLink,
		"-n "+center+" link set "+floorLink+" up",
		"-n "+space+" addr add "+floorAddress+"/24 dev eth0",
		"-n "+space+" link set eth0 up",
		"-n "+space+" route add default via "+floorGateway,
	)
}

// floorRun becomes the command, on the shop floor.
func floorRun(c *Cluster, args []string) error { return c.become(c.floorNamespace(), args) }

// centerRun becomes the command, in the network of the control plane and node1:
// pods and Services are reached from there.
func centerRun(c *Cluster, args []string) error { return c.become(c.namespace(), args) }

// become replaces this process by the command, inside the namespace. It carries
// the cluster's mark, so that `down` ends it.
func (c *Cluster) become(namespace string, args []string) error {
	if err := c.needOwn("running a command in the cluster's networks"); err != nil {
		return err
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return usageError("a command is needed")
	}
	program, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	if err := enterNamespace(namespace); err != nil {
		return err
	}
	return fmt.Errorf("%s: %w", program, unix.Exec(program, args, append(os.Environ(), marker+c.State)))
}
