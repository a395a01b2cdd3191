// Andon-cluster runs real Kubernetes clusters for tests on one Linux machine,
// without a container engine and without a container registry. Each cluster
// lives in network namespaces of its own, so several run side by side, and
// nothing on the host talks to anything but loopback. README.md has the details.
package main

import (
	"errors"
	"fmt"
	"os"
)

const usage = `usage: andon-cluster COMMAND NAME ...
  up NAME [--nodes N]             make the cluster (1 to 3 nodes), or keep it if it is there and well
  down NAME                       remove everything that belongs to it
  status NAME                     show it; exit code 1 if it is not well
  kubeconfig NAME                 print the path of its kubeconfig
  load NAME TAR...                import image archives on every node
  forward NAME --floor PORT       print a loopback port that leads to PORT on the shop floor
  forward NAME --to HOST:PORT     print a loopback port that leads to an address inside the cluster
  floor NAME [cut|heal]           make the shop floor's network; cut or heal its link
  floor-run NAME -- CMD ARG...    run a command on the shop floor
  run NAME -- CMD ARG...          run a command in the network of node1, where pods and Services are reached
  node NAME crash|start|cut|heal NODE
                                  kill or start all of a node; cut or heal its link (node2, node3)`

// commands maps a command to what does it; all of them take a cluster first.
var commands = map[string]func(c *Cluster, args []string) error{
	"up":         up,
	"down":       func(c *Cluster, args []string) error { return noMore(args, c.down) },
	"status":     func(c *Cluster, args []string) error { return noMore(args, c.status) },
	"kubeconfig": func(c *Cluster, args []string) error { return noMore(args, c.printKubeconfig) },
	"load":       (*Cluster).load,
	"forward":    forward,
	"floor":      floor,
	"floor-run":  floorRun,
	"run":        centerRun,
	"node":       node,

	// Not for people: the processes that a cluster keeps running.
	"serve-forward": serveForward,
	"serve-volumes": func(c *Cluster, args []string) error { return noMore(args, c.serveVolumes) },
}

func main() {
	err := run(os.Args[1:])
	var wrong usageError
	if errors.As(err, &wrong) {
		fmt.Fprintf(os.Stderr, "andon-cluster: %v\n%s\n", err, usage)
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "andon-cluster: %v\n", err)
		os.Exit(1)
	}
}

// usageError is a mistake in the arguments.
type usageError string

func (e usageError) Error() string { return string(e) }

func run(args []string) error {
	if len(args) < 2 {
		return usageError("a command and a cluster's name are needed")
	}
	command := commands[args[0]]
	if command == nil {
		return usageError(fmt.Sprintf("no command %q", args[0]))
	}
	c, err := newCluster(args[1])
	if err != nil {
		return err
	}
	return command(c, args[2:])
}

// noMore runs a command that takes no arguments of its own.
func noMore(args []string, command func() error) error {
	if len(args) > 0 {
		return usageError(fmt.Sprintf("%q: no more arguments expected", args[0]))
	}
	return command()
}
