package main

import (
	"bytes"
	"embed"
	"fmt"
	"text/template"

	"golang.org/x/sys/unix"
)

//go:embed config
var configFiles embed.FS

var configs = template.Must(template.New("").Option("missingkey=error").ParseFS(configFiles, "config/*"))

// render fills in one of the files in config/ and writes it.
func render(name string, values any, file string) error {
	var content bytes.Buffer
	if err := configs.ExecuteTemplate(&content, name, values); err != nil {
		return fmt.Errorf("config/%s: %w", name, err)
	}
	return writeFile(file, content.Bytes(), 0o644)
}

// writeConfigs writes the control plane's files.
func (c *Cluster) writeConfigs() error {
	values := map[string]string{"Data": c.path("etcd"), "API": apiAddress, "Kubeconfig": c.pki("dns.kubeconfig")}
	if err := render("etcd.yaml", values, c.path("etcd.yaml")); err != nil {
		return err
	}
	if err := render("audit.yaml", values, c.path("audit.yaml")); err != nil {
		return err
	}
	return render("Corefile", values, c.path("Corefile"))
}

// writeConfigs writes the node's files.
func (n *Node) writeConfigs() error {
	snapshotter, err := n.snapshotter()
	if err != nil {
		return err
	}
	values := map[string]string{
		"Address":       n.Address,
		"CA":            n.pki("ca.crt"),
		"Cgroup":        n.cgroup(),
		"Folder":        n.path(),
		"Short":         n.short(),
		"ForwardedPods": podRange,
		"Key":           n.pki(n.Name + ".key"),
		"Certificate":   n.pki(n.Name + ".crt"),
		"DNS":           dnsService,
		"Name":          n.Name,
		"NodeRange":     nodeRange,
		"Pause":         pauseImage,
		"Pods":          n.Pods,
		"ProxyConfig":   n.pki("proxy.kubeconfig"),
		"Snapshotter":   snapshotter,
	}
	for name, file := range map[string]string{
		"containerd.toml": n.path("containerd.toml"),
		"cni.conflist":    n.path("cni", "10-bridge.conflist"),
		"kubelet.yaml":    n.path("kubelet.yaml"),
		"kube-proxy.yaml": n.path("kube-proxy.yaml"),
	} {
		if err := render(name, values, file); err != nil {
			return err
		}
	}
	return nil
}

// snapshotter picks how containerd stacks image layers: overlayfs, which cannot
// itself lie on an overlay (a checkout inside of a container).
func (n *Node) snapshotter() (string, error) {
	var info unix.Statfs_t
	if err := unix.Statfs(n.Root, &info); err != nil {
		return "", fmt.Errorf("file system of %s: %w", n.Root, err)
	}
	if info.Type == unix.OVERLAYFS_SUPER_MAGIC {
		return "native", nil
	}
	return "overlayfs", nil
}
