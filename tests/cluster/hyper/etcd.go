package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/embed"
)

// etcdStartLimit is long because a loaded machine may take its time; a start
// that takes longer than this has failed.
const etcdStartLimit = 2 * time.Minute

// newEtcdCommand makes the command for etcd, which reads the same file as
// `etcd --config-file`.
func newEtcdCommand() *cobra.Command {
	var file string
	command := &cobra.Command{
		Use:          "etcd --config-file FILE",
		Short:        "Run an embedded etcd member",
		SilenceUsage: true,
		Args:         cobra.NoArgs,
		RunE:         func(*cobra.Command, []string) error { return runEtcd(file) },
	}
	command.Flags().StringVar(&file, "config-file", "", "etcd's own YAML configuration")
	if err := command.MarkFlagRequired("config-file"); err != nil {
		panic(err) // the flag was declared on the line above
	}
	return command
}

// runEtcd serves until a signal arrives or the member fails.
func runEtcd(file string) error {
	config, err := embed.ConfigFromFile(file)
	if err != nil {
		return fmt.Errorf("etcd: configuration %s: %w", file, err)
	}
	member, err := embed.StartEtcd(config)
	if err != nil {
		return fmt.Errorf("etcd: start: %w", err)
	}
	defer member.Close()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	select {
	case <-member.Server.ReadyNotify():
	case <-stop:
		return nil
	case err := <-member.Err():
		return err
	case <-time.After(etcdStartLimit):
		return errors.New("etcd: not ready after " + etcdStartLimit.String())
	}
	select {
	case err := <-member.Err():
		return err
	case <-stop:
		return nil
	}
}
