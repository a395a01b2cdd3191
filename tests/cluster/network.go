package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// namespaceFolder is where `ip netns` keeps namespaces by name.
const namespaceFolder = "/run/netns"

// inNamespace runs f with its thread in the network namespace. A process that
// f starts, or a socket that f opens, belongs to that namespace. It enters
// without `ip netns exec`, which would remount /sys and hide the cgroups.
func inNamespace(name string, f func() error) error {
	result := make(chan error, 1)
	go func() {
		// Never unlocked: the runtime then ends the thread, so that no other
		// goroutine finds itself in this namespace.
		runtime.LockOSThread()
		result <- func() error {
			if err := enterNamespace(name); err != nil {
				return err
			}
			return f()
		}()
	}()
	return <-result
}

// enterNamespace moves the calling thread, which must be locked.
func enterNamespace(name string) error {
	file, err := os.Open(filepath.Join(namespaceFolder, name))
	if err != nil {
		return fmt.Errorf("network namespace: %w", err)
	}
	defer file.Close()
	if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter network namespace %s: %w", name, err)
	}
	return nil
}

// dialer makes connections from inside the namespace. Addresses must be numbers:
// a name would be resolved on another thread.
func dialer(namespace string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		var connection net.Conn
		err := inNamespace(namespace, func() (err error) {
			connection, err = (&net.Dialer{}).DialContext(ctx, network, address)
			return err
		})
		return connection, err
	}
}

// ip runs several commands of the ip tool, one a line, and stops at the first
// that fails.
func ip(lines ...string) error {
	for _, line := range lines {
		if _, err := output("ip", strings.Fields(line)...); err != nil {
			return err
		}
	}
	return nil
}

// setSysctls writes settings of a network namespace; those that this kernel
// does not have are left out.
func setSysctls(namespace string, settings map[string]string) error {
	return inNamespace(namespace, func() error {
		for name, value := range settings {
			err := os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
		return nil
	})
}

// makeNetwork makes the control plane's namespace. A bridge carries the API
// server's address: one on loopback is refused as an endpoint, and not every
// kernel has dummy interfaces. The default route leads nowhere; components and
// pods just want to have one.
func (c *Cluster) makeNetwork() error {
	space := c.namespace()
	err := ip(
		"netns add "+space,
		"-n "+space+" link set lo up",
		"-n "+space+" link add k8s0 type bridge",
		"-n "+space+" addr add "+apiAddress+"/24 dev k8s0",
		"-n "+space+" link set k8s0 up",
		"-n "+space+" route add default dev k8s0",
	)
	if err != nil {
		return err
	}
	return setSysctls(space, routing)
}

// routing makes a namespace pass packets on between its pods and the others.
var routing = map[string]string{
	"net/ipv4/ip_forward":                "1",
	"net/bridge/bridge-nf-call-iptables": "1",
}

// cable is the control plane's end of a node's cable.
func (n *Node) cable() string { return "v-" + n.Name }

// connect gives node 2 and later a namespace, a cable to the control plane's
// bridge, and routes to and from the pods of the nodes before it.
func (n *Node) connect() error {
	if n.Number == 1 {
		return nil // shares the control plane's
	}
	center, space := n.Cluster.namespace(), n.namespace()
	lines := []string{
		"netns add " + space,
		"-n " + space + " link set lo up",
		"-n " + center + " link add " + n.cable() + " type veth peer name eth0 netns " + space,
		"-n " + center + " link set " + n.cable() + " master k8s0 up",
		"-n " + space + " addr add " + n.Address + "/24 dev eth0",
		"-n " + space + " link set eth0 up",
		"-n " + space + " route add default via " + apiAddress,
	}
	for _, other := range n.nodes(n.Number - 1) {
		lines = append(lines,
			"-n "+space+" route replace "+other.Pods+" via "+other.Address,
			"-n "+other.namespace()+" route replace "+n.Pods+" via "+n.Address)
	}
	if err := ip(lines...); err != nil {
		return err
	}
	return setSysctls(space, routing)
}
