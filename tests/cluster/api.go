package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"strings"
	"time"
)

// requestLimit ends a request that hangs, so that the wait around it goes on.
const requestLimit = 10 * time.Second

// errNotFound is the API server's answer 404.
var errNotFound = errors.New("not found")

// api is the little of a Kubernetes client that is needed here. It talks to the
// API server from inside the cluster's network.
type api struct{ client *http.Client }

// newAPI makes a client with the administrator's certificate.
func (c *Cluster) newAPI() (*api, error) {
	pair, err := tls.LoadX509KeyPair(c.pki("admin.crt"), c.pki("admin.key"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(c.pki("ca.crt"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("%s holds no certificate", c.pki("ca.crt"))
	}
	return &api{&http.Client{
		Timeout: requestLimit,
		Transport: &http.Transport{
			DialContext:     dialer(c.namespace()),
			TLSClientConfig: &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool},
		},
	}}, nil
}

// do sends a request and decodes the answer into result, if there is one.
func (a *api) do(method, resource, contentType string, body, result any) error {
	content, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(method, "https://"+apiEndpoint+resource, bytes.NewReader(content))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", contentType)
	response, err := a.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode == http.StatusNotFound {
		return fmt.Errorf("%s %s: %w", method, resource, errNotFound)
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %.400s", method, resource, response.Status, answer)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(answer, result)
}

func (a *api) get(resource string, result any) error {
	return a.do(http.MethodGet, resource, "application/json", nil, result)
}

// apply makes the object so, whatever is there (server-side apply). The
// collection is the path that objects of its kind are listed at.
func (a *api) apply(collection string, o object) error {
	name, _ := o["metadata"].(object)["name"].(string)
	resource := path.Join(collection, name) + "?fieldManager=andon-cluster&force=true"
	return a.do(http.MethodPatch, resource, "application/apply-patch+yaml", o, nil)
}

// merge changes some fields of an object.
func (a *api) merge(resource string, patch object) error {
	return a.do(http.MethodPatch, resource, "application/merge-patch+json", patch, nil)
}

// ready is nil when the API server says that it is.
func (a *api) ready() error {
	response, err := a.client.Get("https://" + apiEndpoint + "/readyz")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", response.Status, failedChecks(string(answer)))
	}
	return nil
}

// failedChecks picks what failed from an answer that also lists what did not.
func failedChecks(answer string) string {
	var failed []string
	for line := range strings.Lines(answer) {
		if strings.HasPrefix(line, "[-]") {
			failed = append(failed, strings.TrimSpace(line))
		}
	}
	if len(failed) == 0 {
		return strings.TrimSpace(answer)
	}
	return strings.Join(failed, "; ")
}

// nodeReady is nil when the node's kubelet has said, not before the given time,
// that the node is ready.
func (a *api) nodeReady(name string, since time.Time) error {
	var n struct {
		Status struct {
			Conditions []struct {
				Type, Status, Message string
				LastHeartbeatTime     time.Time
			}
		}
	}
	if err := a.get("/api/v1/nodes/"+name, &n); err != nil {
		return err
	}
	for _, condition := range n.Status.Conditions {
		switch {
		case condition.Type != "Ready":
		case condition.Status != "True":
			return fmt.Errorf("node %s: Ready is %s: %s", name, condition.Status, condition.Message)
		case condition.LastHeartbeatTime.Before(since.Truncate(time.Second)):
			return fmt.Errorf("node %s: last heard of at %s", name, condition.LastHeartbeatTime)
		default:
			return nil
		}
	}
	return fmt.Errorf("node %s: has not reported yet", name)
}
