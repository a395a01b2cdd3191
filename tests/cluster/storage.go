package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Every node has a few volumes made beforehand: folders in the cluster's own
// folder. Claims bind to them when their pod is placed.
const (
	storageClass   = "local"
	volumesPerNode = 8
	volumeSize     = "4Gi"
	volumePath     = "/api/v1/persistentvolumes"
	recyclePace    = time.Second
)

// makeStorage makes the default StorageClass and the volumes, and starts the
// process that empties volumes that were given back.
func (c *Cluster) makeStorage(a *api, nodes []*Node) error {
	if err := a.apply("/apis/storage.k8s.io/v1/storageclasses", object{
		"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
		"metadata": object{"name": storageClass,
			"annotations": object{"storageclass.kubernetes.io/is-default-class": "true"}},
		"provisioner":       "kubernetes.io/no-provisioner",
		"volumeBindingMode": "WaitForFirstConsumer",
	}); err != nil {
		return err
	}
	for _, n := range nodes {
		for i := range volumesPerNode {
			if err := n.makeVolume(a, fmt.Sprintf("%s-volume%d", n.Name, i)); err != nil {
				return err
			}
		}
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	return c.start(command{name: "volumes", namespace: c.namespace(), path: program,
		args: []string{"andon-cluster", "serve-volumes", c.Name}})
}

// makeVolume makes a local volume. A hostPath would be bound as well, but the
// kubelet applies no fsGroup to it, and pods that are not root could not write.
func (n *Node) makeVolume(a *api, name string) error {
	folder := n.Cluster.path("volumes", name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return a.apply(volumePath, object{
		"apiVersion": "v1", "kind": "PersistentVolume",
		"metadata": object{"name": name},
		"spec": object{
			"capacity":                      object{"storage": volumeSize},
			"accessModes":                   []string{"ReadWriteOnce"},
			"persistentVolumeReclaimPolicy": "Retain",
			"storageClassName":              storageClass,
			"local":                         object{"path": folder},
			"nodeAffinity": object{"required": object{"nodeSelectorTerms": []object{{
				"matchExpressions": []object{{"key": "kubernetes.io/hostname", "operator": "In", "values": []string{n.Name}}}}}}},
		},
	})
}

// serveVolumes empties volumes whose claim was deleted and offers them again, so
// that tests that come and go with their namespaces do not use them up. No
// provisioner does it for volumes of this kind.
func (c *Cluster) serveVolumes() error {
	a, err := c.newAPI()
	if err != nil {
		return err
	}
	for ; ; time.Sleep(recyclePace) {
		if err := c.recycleVolumes(a); err != nil {
			c.say("%v", err) // the API server may be away for a while: try again
		}
	}
}

// recycleVolumes looks at all volumes once.
func (c *Cluster) recycleVolumes(a *api) error {
	var list struct {
		Items []struct {
			Metadata struct{ Name, ResourceVersion string }
			Status   struct{ Phase string }
		}
	}
	if err := a.get(volumePath, &list); err != nil {
		return err
	}
	var failed []error
	for _, v := range list.Items {
		folder := c.path("volumes", v.Metadata.Name)
		if _, err := os.Stat(folder); v.Status.Phase != "Released" || err != nil {
			continue // in use, or not one of ours
		}
		if err := emptyFolder(folder); err != nil {
			failed = append(failed, err)
			continue
		}
		failed = append(failed, a.merge(volumePath+"/"+v.Metadata.Name, object{
			"metadata": object{"resourceVersion": v.Metadata.ResourceVersion},
			"spec":     object{"claimRef": nil}}))
	}
	return errors.Join(failed...)
}

// emptyFolder removes all in a folder, and gives it to root again: a pod's
// fsGroup may have changed the folder itself.
func emptyFolder(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := os.RemoveAll(filepath.Join(folder, entry.Name())); err != nil {
			return err
		}
	}
	return errors.Join(os.Chown(folder, 0, 0), os.Chmod(folder, 0o755))
}
