package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

// certificateLife is long enough for a cluster that somebody forgot.
const certificateLife = 365 * 24 * time.Hour

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// identity is what a certificate says about its holder.
type identity struct {
	file         string // its files' name in the pki folder
	name         string
	organization string
	server       bool // may serve
	client       bool // may ask
	hosts        []string
}

// makePKI makes all keys and certificates of the cluster, anew for each cluster,
// and a kubeconfig for every client.
func (c *Cluster) makePKI(nodes []*Node) error {
	ca, err := c.newAuthority("ca", "andon-cluster "+c.Name)
	if err != nil {
		return err
	}
	front, err := c.newAuthority("front-proxy-ca", "andon-cluster front proxy "+c.Name)
	if err != nil {
		return err
	}
	if err := c.makeServiceAccountKey(); err != nil {
		return err
	}
	if err := c.issue(front, identity{file: "front-proxy-client", name: "front-proxy-client", client: true}); err != nil {
		return err
	}
	serving := identity{file: "apiserver", name: "kube-apiserver", server: true, hosts: []string{
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
		"localhost", "127.0.0.1", "10.96.0.1", apiAddress}}
	if err := c.issue(ca, serving); err != nil {
		return err
	}
	clients := []identity{
		{file: "apiserver-kubelet-client", name: "apiserver-kubelet-client", organization: "system:masters"},
		{file: "admin", name: "admin", organization: "system:masters"},
		{file: "controller-manager", name: "system:kube-controller-manager"},
		{file: "scheduler", name: "system:kube-scheduler"},
		{file: "proxy", name: "system:kube-proxy"},
		{file: "dns", name: "system:coredns"},
	}
	for _, n := range nodes {
		clients = append(clients, identity{file: n.Name, name: "system:node:" + n.Name, organization: "system:nodes",
			server: true, hosts: []string{n.Name, "127.0.0.1", n.Address}})
	}
	for _, client := range clients {
		client.client = true
		if err := c.issue(ca, client); err != nil {
			return err
		}
		if err := c.writeKubeconfig(client.file, "https://"+apiEndpoint, c.pki(client.file+".kubeconfig")); err != nil {
			return err
		}
	}
	return nil
}

// pki names a file of the cluster's keys and certificates.
func (c *Cluster) pki(file string) string { return c.path("pki", file) }

// newAuthority makes a certificate authority.
func (c *Cluster) newAuthority(file, name string) (*authority, error) {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
	}
	key, err := c.makeKey(file)
	if err != nil {
		return nil, err
	}
	return &authority{template, key}, c.sign(&authority{template, key}, template, key, file)
}

// issue makes a key and a certificate for the identity.
func (c *Cluster) issue(by *authority, who identity) error {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: who.name},
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
	}
	if who.organization != "" {
		template.Subject.Organization = []string{who.organization}
	}
	if who.server {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	if who.client {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	for _, host := range who.hosts {
		if address := net.ParseIP(host); address != nil {
			template.IPAddresses = append(template.IPAddresses, address)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	key, err := c.makeKey(who.file)
	if err != nil {
		return err
	}
	return c.sign(by, template, key, who.file)
}

// sign fills in what all certificates share and writes FILE.crt.
func (c *Cluster) sign(by *authority, template *x509.Certificate, key *ecdsa.PrivateKey, file string) error {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	template.SerialNumber = serial
	template.NotBefore = time.Now().Add(-time.Hour) // clocks of containers started from snapshots jump
	template.NotAfter = time.Now().Add(certificateLife)
	content, err := x509.CreateCertificate(rand.Reader, template, by.certificate, &key.PublicKey, by.key)
	if err != nil {
		return fmt.Errorf("certificate %s: %w", file, err)
	}
	return writeFile(c.pki(file+".crt"), encodePEM("CERTIFICATE", content), 0o644)
}

// makeKey makes a private key and writes FILE.key.
func (c *Cluster) makeKey(file string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	content, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, writeFile(c.pki(file+".key"), encodePEM("PRIVATE KEY", content), 0o600)
}

// makeServiceAccountKey makes the pair that signs and checks pods' tokens.
func (c *Cluster) makeServiceAccountKey() error {
	key, err := c.makeKey("service-account")
	if err != nil {
		return err
	}
	content, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	return writeFile(c.pki("service-account.pub"), encodePEM("PUBLIC KEY", content), 0o644)
}

func encodePEM(kind string, content []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content})
}
