package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// object is a Kubernetes object, or a part of one, as JSON.
type object = map[string]any

// writeKubeconfig writes a kubeconfig (JSON is YAML) with everything in it, so
// that the file can be copied.
func (c *Cluster) writeKubeconfig(client, server, file string) error {
	parts := map[string][]byte{}
	for _, name := range []string{"ca.crt", client + ".crt", client + ".key"} {
		content, err := os.ReadFile(c.pki(name))
		if err != nil {
			return err
		}
		parts[name] = content
	}
	name := "andon-" + c.Name
	content, err := json.MarshalIndent(object{
		"apiVersion": "v1",
		"kind":       "Config",
		"clusters": []object{{"name": name, "cluster": object{
			"server": server, "certificate-authority-data": parts["ca.crt"]}}},
		"users": []object{{"name": name, "user": object{
			"client-certificate-data": parts[client+".crt"], "client-key-data": parts[client+".key"]}}},
		"contexts":        []object{{"name": name, "context": object{"cluster": name, "user": name}}},
		"current-context": name,
	}, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(file, append(content, '\n'), 0o600)
}

// kubeconfig is the file for people and tests on this machine.
func (c *Cluster) kubeconfig() string { return c.path("kubeconfig") }

func (c *Cluster) printKubeconfig() error {
	if file := c.foreign(); file != "" {
		fmt.Println(file)
		return nil
	}
	if _, err := os.Stat(c.kubeconfig()); err != nil {
		return fmt.Errorf("cluster %s is not there (%w): make it with `andon-cluster up %s`", c.Name, err, c.Name)
	}
	fmt.Println(c.kubeconfig())
	return nil
}

// foreign is the user's own kubeconfig, if KUBECONFIG names one: then that
// cluster is used and none is made. A kubeconfig of our own does not count.
func (c *Cluster) foreign() string {
	value := os.Getenv("KUBECONFIG")
	if value == "" {
		return ""
	}
	full, err := filepath.Abs(value)
	if err == nil && strings.HasPrefix(full, filepath.Dir(c.State)+string(filepath.Separator)) {
		return ""
	}
	return value
}

// needOwn refuses what only works with a cluster that we made.
func (c *Cluster) needOwn(what string) error {
	if file := c.foreign(); file != "" {
		return fmt.Errorf("%s: KUBECONFIG is set (%s), and this works only with a cluster of our own: unset it", what, file)
	}
	return nil
}
