package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// state is written last by `up`: it says that the cluster was whole once.
type state struct {
	Nodes int `json:"nodes"`
	Port  int `json:"port"` // of the API server, on loopback
}

func (c *Cluster) stateFile() string { return c.path("cluster.json") }

func (c *Cluster) writeState(s state) error {
	content, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return writeFile(c.stateFile(), content, 0o644)
}

func (c *Cluster) readState() (state, error) {
	var s state
	content, err := os.ReadFile(c.stateFile())
	if err != nil {
		return s, fmt.Errorf("cluster %s is not there (%w): make it with `andon-cluster up %s`", c.Name, err, c.Name)
	}
	if err := json.Unmarshal(content, &s); err != nil {
		return s, fmt.Errorf("%s: %w", c.stateFile(), err)
	}
	return s, nil
}

// processNames lists the processes that a whole cluster has.
func (c *Cluster) processNames(nodes int) []string {
	list := []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "coredns", "volumes",
		"forward-" + strings.ReplaceAll(apiEndpoint, ":", "-")}
	for _, n := range c.nodes(nodes) {
		list = append(list, n.process("containerd"), n.process("kubelet"), n.process("kube-proxy"))
	}
	return list
}

// well is nil if the cluster is whole: all processes run, the API server is
// ready, and so are all nodes.
func (c *Cluster) well() (state, error) {
	s, err := c.readState()
	if err != nil {
		return s, err
	}
	if ended := c.ended(c.processNames(s.Nodes)); len(ended) > 0 {
		return s, fmt.Errorf("not running: %s", strings.Join(ended, ", "))
	}
	a, err := c.newAPI()
	if err != nil {
		return s, err
	}
	wrong := []error{a.ready()}
	for _, n := range c.nodes(s.Nodes) {
		wrong = append(wrong, a.nodeReady(n.Name, time.Time{}))
	}
	return s, errors.Join(wrong...)
}

// status shows the cluster and fails if it is not well.
func (c *Cluster) status() error {
	if file := c.foreign(); file != "" {
		fmt.Printf("KUBECONFIG is set: %s is used, cluster %s is not\n", file, c.Name)
		return nil
	}
	s, wrong := c.well()
	fmt.Printf("cluster     %s, %d nodes\nfolder      %s\nkubeconfig  %s (API server at 127.0.0.1:%d)\n",
		c.Name, s.Nodes, c.State, c.kubeconfig(), s.Port)
	for _, name := range c.processNames(s.Nodes) {
		if r, err := c.record(name); err == nil && c.alive(name) {
			fmt.Printf("process     %-26s %d\n", name, r.PID)
		} else {
			fmt.Printf("process     %-26s not running\n", name)
		}
	}
	if link, err := output("ip", "-n", c.namespace(), "-brief", "link", "show", floorLink); err == nil {
		fmt.Printf("shop floor  %s, link %s\n", floorAddress, strings.Fields(link)[1])
	}
	if wrong != nil {
		return fmt.Errorf("cluster %s is not well: %w", c.Name, wrong)
	}
	return nil
}
