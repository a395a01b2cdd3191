package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	for name, good := range map[string]bool{
		"dev": true, "e2e": true, "a": true, "selftest-a": true, "abcdefghijklmnop": true,
		"": false, "Dev": false, "1a": false, "a-": false, "a/b": false, "..": false, "abcdefghijklmnopq": false,
		"dev-floor": false, "dev-node2": false, // names of other clusters' namespaces
	} {
		if _, err := newCluster(name); (err == nil) != good {
			t.Errorf("%q: error is %v, want accepted: %v", name, err, good)
		}
	}
}

// longestSocket is the longest path of a socket on Linux, without its ending zero.
const longestSocket = 107

func TestSocketsFitWhereverTheCheckoutLies(t *testing.T) {
	c := &Cluster{Name: "abcdefghijklmnop", State: "/" + strings.Repeat("deep/", maxStatePath/5)}
	n := c.node(maxNodes)
	// The kubelet's are the longest of those that it makes in its folder.
	for _, socket := range []string{n.short("containerd.sock.ttrpc"), n.short("kubelet", "pod-resources", "kubelet.sock")} {
		if len(socket) > longestSocket {
			t.Errorf("%s has %d characters, a socket's path at most %d", socket, len(socket), longestSocket)
		}
	}
}

func TestNodeCount(t *testing.T) {
	for text, want := range map[string]int{"": 0, "--nodes 1": 1, "--nodes 3": 3, "--nodes 0": -1, "--nodes 4": -1, "--nodes x": -1, "--nodes": -1, "3": -1} {
		count, err := nodeCount(strings.Fields(text))
		if err != nil {
			count = -1
		}
		if count != want {
			t.Errorf("%q: got %d (%v), want %d", text, count, err, want)
		}
	}
}

func TestForwardTargets(t *testing.T) {
	for target, good := range map[string]bool{
		"10.96.0.1:443": true, "172.31.0.10:8090": true,
		"web:80": false, "10.96.0.1": false, "10.96.0.1:0": false, "10.96.0.1:http": false, "10.96.0.1:70000": false,
	} {
		if err := checkTarget(target); (err == nil) != good {
			t.Errorf("%q: error is %v, want accepted: %v", target, err, good)
		}
	}
}

func TestKubeconfigOfOursIsNotForeign(t *testing.T) {
	c, err := newCluster("dev")
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]string{
		"": "", c.kubeconfig(): "", filepath.Join(filepath.Dir(c.State), "other", "kubeconfig"): "",
		"/home/me/.kube/config": "/home/me/.kube/config",
	} {
		t.Setenv("KUBECONFIG", value)
		if got := c.foreign(); got != want {
			t.Errorf("KUBECONFIG=%q: got %q, want %q", value, got, want)
		}
	}
}

func TestForeignClusterNeedsALoader(t *testing.T) {
	t.Setenv("KUBECONFIG", "/home/me/.kube/config")
	t.Setenv(foreignLoader, "")
	c, err := newCluster("dev")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.load([]string{"a.tar"}); err == nil || !strings.Contains(err.Error(), foreignLoader) {
		t.Fatalf("error is %v, want one that names %s", err, foreignLoader)
	}
	note := filepath.Join(t.TempDir(), "note")
	t.Setenv(foreignLoader, "cp /dev/null") // takes the archive as last argument
	if err := c.load([]string{note}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(note); err != nil {
		t.Fatalf("the loader did not get the archive: %v", err)
	}
}

func TestConfigsAreFilledIn(t *testing.T) {
	c := &Cluster{Name: "dev", Root: t.TempDir(), State: filepath.Join(t.TempDir(), "dev")}
	if err := c.writeConfigs(); err != nil {
		t.Fatal(err)
	}
	n := c.node(2)
	if err := n.writeConfigs(); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		c.path("etcd.yaml"):                 "data-dir: " + c.path("etcd") + "\n",
		c.path("Corefile"):                  "bind 10.99.0.1\n",
		c.path("audit.yaml"):                "level: Metadata",
		n.path("containerd.toml"):           `sandbox_image = "andon.dev/pause:0.1.0"`,
		n.path("cni", "10-bridge.conflist"): `"ranges": [[{"subnet": "10.244.1.0/24"}]]`,
		n.path("kubelet.yaml"):              "unix:///run/andon-cluster/dev/node2/containerd.sock\n",
		n.path("kube-proxy.yaml"):           "hostnameOverride: node2\n",
	} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(content), want) {
			t.Errorf("%s: want %q in\n%s", file, want, content)
		}
	}
}

func TestStartTimeTellsProcessesApart(t *testing.T) {
	if _, err := startTime(os.Getpid()); err != nil {
		t.Fatal(err)
	}
	c := &Cluster{Name: "dev", State: t.TempDir()}
	if err := c.remember("self", os.Getpid()); err != nil {
		t.Fatal(err)
	}
	if !c.alive("self") {
		t.Error("this process counts as ended")
	}
	if err := writeFile(c.path("run", "self.json"), []byte(`{"pid":1,"start":"x"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if c.alive("self") {
		t.Error("a later process with the same id counts as the same")
	}
	if got := c.ended([]string{"self", "nobody"}); !slices.Equal(got, []string{"self", "nobody"}) {
		t.Errorf("ended are %q", got)
	}
}

func TestRemoveFolders(t *testing.T) {
	top := filepath.Join(t.TempDir(), "top")
	if err := os.MkdirAll(filepath.Join(top, "a", "b"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := removeCgroup(top); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(top); !os.IsNotExist(err) {
		t.Fatalf("it is still there: %v", err)
	}
	if err := removeCgroup(top); err != nil {
		t.Fatalf("one that is gone: %v", err)
	}
}

func TestFailedChecks(t *testing.T) {
	for answer, want := range map[string]string{
		"[+]ping ok\n[-]rbac failed: reason withheld\n[-]etcd failed\nreadyz check failed\n": "[-]rbac failed: reason withheld; [-]etcd failed",
		"busy\n": "busy",
	} {
		if got := failedChecks(answer); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
