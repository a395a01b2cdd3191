package main

import (
	"fmt"
	"time"
)

// node does something to one node of a running cluster.
func node(c *Cluster, args []string) error {
	if err := c.needOwn("node"); err != nil {
		return err
	}
	if len(args) != 2 {
		return usageError("node: want an action and a node's name")
	}
	state, err := c.readState()
	if err != nil {
		return err
	}
	for _, n := range c.nodes(state.Nodes) {
		if n.Name == args[1] {
			return n.act(args[0])
		}
	}
	return usageError(fmt.Sprintf("node: no node %q, want node1 to node%d", args[1], state.Nodes))
}

// act does what the command line asks for.
func (n *Node) act(action string) error {
	switch action {
	case "crash":
		return n.crash()
	case "start":
		a, err := n.newAPI()
		if err != nil {
			return err
		}
		return n.startComponents(a)
	case "cut", "heal":
		if n.Number == 1 {
			return usageError("node: node1 shares the control plane's network and has no link to cut")
		}
		state := map[string]string{"cut": "down", "heal": "up"}[action]
		return ip("-n " + n.Cluster.namespace() + " link set " + n.cable() + " " + state)
	}
	return usageError(fmt.Sprintf("node: no action %q, want crash, start, cut or heal", action))
}

// join makes the node and waits until it is ready.
func (n *Node) join(a *api) error {
	if err := n.connect(); err != nil {
		return err
	}
	if err := n.makeCgroup(); err != nil {
		return err
	}
	if err := n.writeConfigs(); err != nil {
		return err
	}
	return n.startComponents(a)
}

// startComponents starts what of containerd, kubelet and kube-proxy does not
// run, and waits until the node is ready.
func (n *Node) startComponents(a *api) error {
	begin := time.Now()
	runtime, kubelet, proxy := n.process("containerd"), n.process("kubelet"), n.process("kube-proxy")
	if !n.alive(runtime) {
		if err := n.startRuntime(runtime); err != nil {
			return err
		}
	}
	err := n.wait(n.Name+": container runtime answers", []string{runtime}, func() error {
		_, err := n.ctr("version")
		return err
	})
	if err != nil {
		return err
	}
	if err := n.importImage(n.Root + "/" + pauseArchive); err != nil {
		return err
	}
	if n.alive(kubelet) {
		begin = time.Time{} // it need not report anew
	} else if err := n.startKubelet(kubelet); err != nil {
		return err
	}
	if !n.alive(proxy) {
		if err := n.startComponent(proxy, "kube-proxy", "--config="+n.path("kube-proxy.yaml")); err != nil {
			return err
		}
	}
	err = n.wait(n.Name+": is ready", []string{runtime, kubelet, proxy}, func() error {
		return a.nodeReady(n.Name, begin)
	})
	if err != nil {
		return err
	}
	return restoreSysctls()
}

func (n *Node) startRuntime(name string) error {
	program, err := lookPath("containerd")
	if err != nil {
		return err
	}
	return n.start(command{name: name, namespace: n.namespace(), node: n.Name, path: program,
		args: []string{"containerd", "-c", n.path("containerd.toml")}})
}

func (n *Node) startKubelet(name string) error {
	return n.startComponent(name, "kubelet",
		"--cert-dir="+n.path("kubelet", "pki"),
		"--config="+n.path("kubelet.yaml"),
		"--hostname-override="+n.Name,
		"--kubeconfig="+n.pki(n.Name+".kubeconfig"),
		"--node-ip="+n.Address,
		"--root-dir="+n.short("kubelet"))
}

// startComponent starts one of the node's Kubernetes components.
func (n *Node) startComponent(name, component string, flags ...string) error {
	return n.start(command{name: name, namespace: n.namespace(), node: n.Name,
		path: n.binary("hyper"), args: append([]string{component}, flags...)})
}

// ctr runs containerd's own client against the node.
func (n *Node) ctr(args ...string) (string, error) {
	return output("ctr", append([]string{"--address", n.short("containerd.sock"), "--namespace", "k8s.io"}, args...)...)
}

// crash ends everything on the node at once, as if its plug had been pulled:
// killing the kubelet and containerd alone would leave its pods running.
func (n *Node) crash() error {
	own := func() ([]int, error) {
		return processes(nil, []string{nodeMarker + n.Name, marker + n.State}, []string{n.cgroup()})
	}
	if err := n.kill(own); err != nil {
		return err
	}
	n.say("%s: crashed", n.Name)
	return nil
}
