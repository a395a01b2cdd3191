package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// forwardDialLimit is how long a connection to the other side may take.
const forwardDialLimit = 10 * time.Second

// forward prints a port on the host's loopback that leads into the cluster or
// to the shop floor.
func forward(c *Cluster, args []string) error {
	if err := c.needOwn("forward"); err != nil {
		return err
	}
	if len(args) != 2 {
		return usageError("forward: want --floor PORT or --to HOST:PORT")
	}
	namespace, target := c.namespace(), args[1]
	switch args[0] {
	case "--floor":
		// From the floor itself, so that it works also while the link is cut.
		namespace, target = c.floorNamespace(), net.JoinHostPort(floorAddress, args[1])
	case "--to":
	default:
		return usageError(fmt.Sprintf("forward: %q, want --floor PORT or --to HOST:PORT", args[0]))
	}
	if err := checkTarget(target); err != nil {
		return err
	}
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := c.readState(); err != nil {
		return err
	}
	port, err := c.startForward(namespace, target)
	if err != nil {
		return err
	}
	fmt.Println(port)
	return nil
}

// checkTarget wants a numeric address: names mean nothing outside of pods.
func checkTarget(target string) error {
	host, port, err := net.SplitHostPort(target)
	if err != nil {
		return usageError(fmt.Sprintf("forward: %v", err))
	}
	if number, err := strconv.Atoi(port); err != nil || number < 1 || number > 65535 {
		return usageError(fmt.Sprintf("forward: port %q, want a number from 1 to 65535", port))
	}
	if net.ParseIP(host) == nil {
		return usageError(fmt.Sprintf("forward: host %q, want an IP address", host))
	}
	return nil
}

// startForward starts a forwarder, or finds the one that is there, and returns
// its port.
func (c *Cluster) startForward(namespace, target string) (int, error) {
	name := "forward-" + strings.ReplaceAll(target, ":", "-")
	portFile := c.path("run", name+".port")
	var port int
	if content, err := os.ReadFile(portFile); err == nil && c.alive(name) && json.Unmarshal(content, &port) == nil {
		return port, nil
	}
	// The socket is opened here, on the host's loopback, and inherited by a
	// process inside the namespace: it stays in the network it was opened in.
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		return 0, err
	}
	defer socket.Close()
	program, err := os.Executable()
	if err != nil {
		return 0, err
	}
	if err := c.start(command{name: name, namespace: namespace, path: program, files: []*os.File{socket},
		args: []string{"andon-cluster", "serve-forward", c.Name, target}}); err != nil {
		return 0, err
	}
	port = listener.Addr().(*net.TCPAddr).Port
	return port, writeFile(portFile, []byte(strconv.Itoa(port)), 0o644)
}

// inheritedSocket is the number of the first file that a child is given.
const inheritedSocket = 3

// serveForward accepts connections on the inherited socket and passes them on.
func serveForward(c *Cluster, args []string) error {
	if len(args) != 1 {
		return usageError("serve-forward: want HOST:PORT")
	}
	listener, err := net.FileListener(os.NewFile(inheritedSocket, "listener"))
	if err != nil {
		return fmt.Errorf("serve-forward is started by `up` and `forward`: %w", err)
	}
	for {
		near, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil { // too many open files, for one: that passes
			c.say("accept: %v", err)
			time.Sleep(waitPoll)
			continue
		}
		go func() {
			if err := join(near, args[0]); err != nil {
				c.say("%v", err)
			}
		}()
	}
}

// join connects the near connection with the target until both sides are done.
func join(near net.Conn, target string) error {
	defer near.Close()
	far, err := net.DialTimeout("tcp4", target, forwardDialLimit)
	if err != nil {
		return err
	}
	defer far.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		pass(far, near)
	}()
	pass(near, far)
	<-done
	return nil
}

// pass copies one direction and then says that nothing more comes. A side that
// breaks off is the two ends' business.
func pass(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if tcp, ok := to.(*net.TCPConn); ok && err == nil {
		_ = tcp.CloseWrite()
		return
	}
	_ = to.Close()
	_ = from.Close()
}
