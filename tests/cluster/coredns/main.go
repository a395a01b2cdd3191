// Coredns is CoreDNS with just the plug-ins that a test cluster needs. A build
// with all of them brings the clients of every cloud along.
package main

import (
	"github.com/coredns/coredns/coremain"

	// Each plug-in registers itself. The order in which they act is CoreDNS's own.
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
)

func main() { coremain.Run() }
