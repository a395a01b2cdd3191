// Kubectl is the ordinary client, built beside the servers it talks to so that
// both have one version. It is a program of its own because the servers' start
// would add to each of its calls.
package main

import (
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"

	// Credential plug-ins of kubeconfig files that people bring along.
	_ "k8s.io/client-go/plugin/pkg/client/auth"
)

func main() {
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
	}
}
