package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
)

// up makes the cluster, or keeps the one that is there if it is well.
func up(c *Cluster, args []string) error {
	count, err := nodeCount(args)
	if err != nil {
		return err
	}
	if file := c.foreign(); file != "" {
		c.say("KUBECONFIG is set: %s is used, no cluster is made", file)
		return nil
	}
	if err := c.checkTools(); err != nil {
		return err
	}
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := c.refuseForeignOwner(); err != nil {
		return err
	}
	s, wrong := c.well()
	if wrong == nil && count != 0 && count != s.Nodes {
		return fmt.Errorf("cluster %s is there with %d nodes, not %d: remove it first with `andon-cluster down %s`", c.Name, s.Nodes, count, c.Name)
	}
	if wrong == nil {
		c.say("is there and well: %s", c.kubeconfig())
		return nil
	}
	if _, err := os.Stat(c.stateFile()); err == nil {
		c.say("removing the cluster that is there, it is not well: %v", wrong)
	} else if _, err := os.Stat(c.State); err == nil {
		c.say("removing what an unfinished run left")
	}
	if err := c.clear(); err != nil {
		return err
	}
	if err := c.build(max(count, 1)); err != nil {
		return fmt.Errorf("%w\n(what there is stays in %s; `andon-cluster down %s` removes it)", err, c.State, c.Name)
	}
	return nil
}

// nodeCount reads --nodes; 0 means that any number will do.
func nodeCount(args []string) (int, error) {
	if len(args) == 0 {
		return 0, nil
	}
	if len(args) != 2 || args[0] != "--nodes" {
		return 0, usageError(fmt.Sprintf("up: %q, want --nodes N", args))
	}
	count, err := strconv.Atoi(args[1])
	if err != nil || count < 1 || count > maxNodes {
		return 0, usageError(fmt.Sprintf("up: --nodes %q, want 1 to %d", args[1], maxNodes))
	}
	return count, nil
}

// refuseForeignOwner protects a cluster of this name that another checkout runs.
// Of one that is dead, it removes what is left.
func (c *Cluster) refuseForeignOwner() error {
	owner, err := c.owner()
	if err != nil || owner == "" || owner == c.State {
		return err
	}
	other := *c
	other.State = owner
	if _, err := other.well(); err == nil {
		return fmt.Errorf("a cluster %s of another checkout runs on this machine (%s): take another name, or remove that one", c.Name, owner)
	}
	return other.clear()
}

// build makes the cluster from nothing.
func (c *Cluster) build(count int) error {
	if err := errors.Join(c.own(), saveSysctls()); err != nil {
		return err
	}
	nodes := c.nodes(count)
	if err := c.makePKI(nodes); err != nil {
		return err
	}
	if err := c.makeNetwork(); err != nil {
		return err
	}
	a, err := c.newAPI()
	if err != nil {
		return err
	}
	if err := c.startControlPlane(a); err != nil {
		return err
	}
	port, err := c.startForward(c.namespace(), apiEndpoint)
	if err != nil {
		return err
	}
	if err := c.writeKubeconfig("admin", fmt.Sprintf("https://127.0.0.1:%d", port), c.kubeconfig()); err != nil {
		return err
	}
	if err := c.makeStorage(a, nodes); err != nil {
		return err
	}
	for _, n := range nodes {
		if err := n.join(a); err != nil {
			return err
		}
	}
	if err := c.finish(a); err != nil {
		return err
	}
	if err := c.writeState(state{count, port}); err != nil {
		return err
	}
	c.say("is up: export KUBECONFIG=%s", c.kubeconfig())
	return nil
}

// finish waits for what the first pods need, and makes the shop floor.
func (c *Cluster) finish(a *api) error {
	if err := c.waitDNS(); err != nil {
		return err
	}
	if err := c.wait("default service account is there", []string{"kube-controller-manager"}, func() error {
		return a.get("/api/v1/namespaces/default/serviceaccounts/default", nil)
	}); err != nil {
		return err
	}
	return c.makeFloor()
}

// down removes everything that belongs to the cluster.
func (c *Cluster) down() error {
	if os.Geteuid() != 0 {
		return errors.New("down: removing a cluster needs root")
	}
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	defer func() {
		unlock()
		_ = os.Remove(machineFolder) // if empty
	}()
	if err := c.refuseForeignOwner(); err != nil {
		return err
	}
	if err := c.clear(); err != nil {
		return err
	}
	if err := c.disown(); err != nil {
		return err
	}
	c.say("is gone")
	return nil
}
