package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Waits have slack: on a machine that is busy with a build, what takes seconds
// can take a minute. A component that has died ends its wait at once.
const (
	waitLimit    = 3 * time.Minute
	waitPoll     = 100 * time.Millisecond
	progressPace = 5 * time.Second
	logTail      = 12
)

// say prints one line of progress with the time since the command began. It goes
// to standard error: standard output is for what scripts read.
func (c *Cluster) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "[%s %5.1fs] %s\n", c.Name, time.Since(c.began).Seconds(), fmt.Sprintf(format, args...))
}

// wait asks check until it returns nil. It says what it waits for and why not
// yet, and gives up after waitLimit or as soon as one of the processes ends,
// with the last lines of their logs.
func (c *Cluster) wait(what string, processes []string, check func() error) error {
	begin, said := time.Now(), time.Now()
	for {
		why := check()
		if why == nil {
			c.say("%s", what)
			return nil
		}
		if ended := c.ended(processes); len(ended) > 0 {
			why = errors.Join(fmt.Errorf("ended by itself: %s", strings.Join(ended, ", ")), why)
			return fmt.Errorf("waiting for %q: %w%s", what, why, c.logTails(ended))
		}
		if time.Since(begin) > waitLimit {
			return fmt.Errorf("waiting for %q: not after %s: %w%s", what, waitLimit, why, c.logTails(processes))
		}
		if time.Since(said) > progressPace {
			c.say("waiting for %q: %v", what, why)
			said = time.Now()
		}
		time.Sleep(waitPoll)
	}
}

// logTails are the last lines of the processes' logs, for an error.
func (c *Cluster) logTails(processes []string) string {
	var text strings.Builder
	for _, name := range processes {
		file := c.path("log", name+".log")
		content, err := os.ReadFile(file)
		if err != nil {
			fmt.Fprintf(&text, "\n--- %v", err)
			continue
		}
		lines := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
		shown := lines[max(0, len(lines)-logTail):]
		fmt.Fprintf(&text, "\n--- last lines of %s\n%s", file, strings.Join(shown, "\n"))
	}
	return text.String()
}

// writeFile makes a file and the folders above it.
func writeFile(file string, content []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, content, mode)
}
