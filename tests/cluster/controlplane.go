package main

import (
	"fmt"
	"net/http"
)

// startControlPlane starts etcd, the API server, the controller manager, the
// scheduler and the DNS server, all in the cluster's namespace.
func (c *Cluster) startControlPlane(a *api) error {
	if err := c.writeConfigs(); err != nil {
		return err
	}
	if err := c.startHyper("etcd", "--config-file="+c.path("etcd.yaml")); err != nil {
		return err
	}
	if err := c.startHyper("kube-apiserver", c.apiserverFlags()...); err != nil {
		return err
	}
	if err := c.wait("API server is ready", []string{"etcd", "kube-apiserver"}, a.ready); err != nil {
		return err
	}
	if err := c.startHyper("kube-controller-manager", c.managerFlags()...); err != nil {
		return err
	}
	if err := c.startHyper("kube-scheduler", "--bind-address=127.0.0.1", "--leader-elect=false",
		"--kubeconfig="+c.pki("scheduler.kubeconfig"),
		"--authentication-kubeconfig="+c.pki("scheduler.kubeconfig"),
		"--authorization-kubeconfig="+c.pki("scheduler.kubeconfig")); err != nil {
		return err
	}
	return c.startDNS(a)
}

// startHyper starts a Kubernetes component of the control plane.
func (c *Cluster) startHyper(component string, flags ...string) error {
	return c.start(command{name: component, namespace: c.namespace(),
		path: c.binary("hyper"), args: append([]string{component}, flags...)})
}

func (c *Cluster) apiserverFlags() []string {
	return []string{
		"--advertise-address=" + apiAddress,
		"--allow-privileged=true",
		"--audit-log-path=" + c.path("log", "audit.log"),
		"--audit-policy-file=" + c.path("audit.yaml"),
		"--authorization-mode=Node,RBAC",
		"--bind-address=0.0.0.0",
		"--client-ca-file=" + c.pki("ca.crt"),
		"--enable-admission-plugins=NodeRestriction",
		"--endpoint-reconciler-type=lease",
		"--etcd-servers=http://127.0.0.1:2379",
		"--kubelet-certificate-authority=" + c.pki("ca.crt"),
		"--kubelet-client-certificate=" + c.pki("apiserver-kubelet-client.crt"),
		"--kubelet-client-key=" + c.pki("apiserver-kubelet-client.key"),
		"--kubelet-preferred-address-types=InternalIP,Hostname",
		"--proxy-client-cert-file=" + c.pki("front-proxy-client.crt"),
		"--proxy-client-key-file=" + c.pki("front-proxy-client.key"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-client-ca-file=" + c.pki("front-proxy-ca.crt"),
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-username-headers=X-Remote-User",
		"--secure-port=6443",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + c.pki("service-account.pub"),
		"--service-account-signing-key-file=" + c.pki("service-account.key"),
		"--service-cluster-ip-range=" + serviceRange,
		"--tls-cert-file=" + c.pki("apiserver.crt"),
		"--tls-private-key-file=" + c.pki("apiserver.key"),
	}
}

func (c *Cluster) managerFlags() []string {
	return []string{
		"--allocate-node-cidrs=false",
		"--authentication-kubeconfig=" + c.pki("controller-manager.kubeconfig"),
		"--authorization-kubeconfig=" + c.pki("controller-manager.kubeconfig"),
		"--bind-address=127.0.0.1",
		"--cluster-signing-cert-file=" + c.pki("ca.crt"),
		"--cluster-signing-key-file=" + c.pki("ca.key"),
		// Its many controllers start one after the other, with requests of their own.
		"--kube-api-burst=400",
		"--kube-api-qps=200",
		"--kubeconfig=" + c.pki("controller-manager.kubeconfig"),
		"--leader-elect=false",
		// Tests want to hear of a lost node soon: 40 s is the default.
		"--node-monitor-grace-period=20s",
		"--node-monitor-period=2s",
		"--requestheader-client-ca-file=" + c.pki("front-proxy-ca.crt"),
		"--root-ca-file=" + c.pki("ca.crt"),
		"--service-account-private-key-file=" + c.pki("service-account.key"),
		"--use-service-account-credentials=true",
	}
}

// startDNS starts CoreDNS as a process beside the API server; pods reach it as
// the Service kube-system/kube-dns.
func (c *Cluster) startDNS(a *api) error {
	const role = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
	const binding = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
	for _, o := range []struct {
		collection string
		object     object
	}{
		{role, dnsRole()}, {binding, dnsBinding()},
		{"/api/v1/namespaces/kube-system/services", dnsServiceObject()},
		{"/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices", dnsEndpoints()},
	} {
		if err := a.apply(o.collection, o.object); err != nil {
			return err
		}
	}
	return c.start(command{name: "coredns", namespace: c.namespace(), path: c.binary("coredns"),
		args: []string{"coredns", "-conf", c.path("Corefile")}})
}

// waitDNS waits until CoreDNS has read the cluster's Services.
func (c *Cluster) waitDNS() error {
	client := &http.Client{Timeout: requestLimit, Transport: &http.Transport{DialContext: dialer(c.namespace())}}
	return c.wait("cluster DNS is ready", []string{"coredns"}, func() error {
		response, err := client.Get("http://" + apiAddress + ":8181/ready")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("coredns answers %s", response.Status)
		}
		return nil
	})
}

func dnsRole() object {
	return object{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
		"metadata": object{"name": "system:coredns"},
		"rules": []object{
			{"apiGroups": []string{""}, "resources": []string{"services", "pods", "namespaces"}, "verbs": []string{"list", "watch"}},
			{"apiGroups": []string{"discovery.k8s.io"}, "resources": []string{"endpointslices"}, "verbs": []string{"list", "watch"}},
		}}
}

func dnsBinding() object {
	return object{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
		"metadata": object{"name": "system:coredns"},
		"roleRef":  object{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:coredns"},
		"subjects": []object{{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "system:coredns"}}}
}

// dnsPorts serves both the Service and its endpoints.
func dnsPorts() []object {
	return []object{{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}}
}

func dnsServiceObject() object {
	return object{"apiVersion": "v1", "kind": "Service",
		"metadata": object{"name": "kube-dns"},
		"spec":     object{"clusterIP": dnsService, "ports": dnsPorts()}}
}

func dnsEndpoints() object {
	return object{"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
		"metadata":    object{"name": "kube-dns-1", "labels": object{"kubernetes.io/service-name": "kube-dns"}},
		"addressType": "IPv4", "ports": dnsPorts(),
		"endpoints": []object{{"addresses": []string{apiAddress}, "conditions": object{"ready": true}}}}
}
