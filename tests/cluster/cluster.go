package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Addresses are the same in every cluster: each has network namespaces of its own.
const (
	apiAddress   = "10.99.0.1"
	apiEndpoint  = apiAddress + ":6443"
	dnsService   = "10.96.0.10"
	serviceRange = "10.96.0.0/16"
	podRange     = "10.244.0.0/16"
	nodeRange    = "10.99.0.0/24"
	maxNodes     = 3
)

// maxStatePath is how deep a cluster's folder may lie. Sockets, the first to fail
// in deep folders, do not count: see short.
const maxStatePath = 400

// Cluster is one cluster: its name and where its things are.
type Cluster struct {
	Name  string
	Root  string // the checkout
	State string // all files of this cluster
	began time.Time
}

// A name appears in names of namespaces and cgroups beside a node's name or
// "floor": it must not end like one.
var (
	nameForm     = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,14}[a-z0-9])?$`)
	nameReserved = regexp.MustCompile(`-(node[0-9]+|floor)$`)
)

// newCluster checks the name and finds the checkout that the program belongs to.
func newCluster(name string) (*Cluster, error) {
	if !nameForm.MatchString(name) || nameReserved.MatchString(name) {
		return nil, usageError(fmt.Sprintf("cluster name %q: want at most 16 of a-z, 0-9 and -, a letter first, not ending in -nodeN or -floor", name))
	}
	root, err := checkout()
	if err != nil {
		return nil, err
	}
	state := filepath.Join(root, "target", "cluster", name)
	if len(state) > maxStatePath {
		return nil, fmt.Errorf("the cluster's folder %s is %d characters long, %d are allowed: use a shorter path for the checkout", state, len(state), maxStatePath)
	}
	return &Cluster{Name: name, Root: root, State: state, began: time.Now()}, nil
}

// checkout is the folder that the program was built in (it lies in .cache/bin),
// else the working folder.
func checkout() (string, error) {
	program, err := os.Executable()
	if err != nil {
		return "", err
	}
	if root, found := strings.CutSuffix(filepath.Dir(program), "/.cache/bin"); found {
		return root, nil
	}
	return os.Getwd()
}

// path names a file of the cluster.
func (c *Cluster) path(parts ...string) string {
	return filepath.Join(append([]string{c.State}, parts...)...)
}

// link leads to the cluster's folder from a place that is the same on every machine.
func (c *Cluster) link() string { return filepath.Join(machineFolder, c.Name) }

// binary names a program that make built.
func (c *Cluster) binary(name string) string {
	return filepath.Join(c.Root, ".cache", "bin", name)
}

// namespace is the network namespace of the control plane and of node1.
func (c *Cluster) namespace() string { return "andon-" + c.Name }

// Node is one machine of the cluster.
type Node struct {
	*Cluster
	Name    string
	Number  int // from 1
	Address string
	Pods    string // range of its pods
}

func (c *Cluster) node(number int) *Node {
	return &Node{
		Cluster: c,
		Name:    "node" + strconv.Itoa(number),
		Number:  number,
		Address: fmt.Sprintf("10.99.0.%d", number),
		Pods:    fmt.Sprintf("10.244.%d.0/24", number-1),
	}
}

// nodes lists nodes 1 to count.
func (c *Cluster) nodes(count int) []*Node {
	list := make([]*Node, 0, count)
	for number := 1; number <= count; number++ {
		list = append(list, c.node(number))
	}
	return list
}

// path names a file of the node.
func (n *Node) path(parts ...string) string {
	return n.Cluster.path(append([]string{n.Name}, parts...)...)
}

// short names a file of the node by a short path, through the cluster's link: a
// socket's path may have 107 bytes, and nobody knows where the checkout lies.
func (n *Node) short(parts ...string) string {
	return filepath.Join(append([]string{n.link(), n.Name}, parts...)...)
}

// namespace is the node's network namespace: node1 shares the control plane's,
// as the machine of a one-node cluster does.
func (n *Node) namespace() string {
	if n.Number == 1 {
		return n.Cluster.namespace()
	}
	return n.Cluster.namespace() + "-" + n.Name
}

// cgroup is the parent of all pods of the node. Two kubelets that shared one
// would take each other's pods for leftovers.
func (n *Node) cgroup() string { return "andon-" + n.Cluster.Name + "-" + n.Name }

// process names a process of the node in logs and records.
func (n *Node) process(component string) string { return n.Name + "-" + component }
