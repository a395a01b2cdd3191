// Selftest is the workload of the cluster's own test. It serves its host's name
// and what it finds in a file, or asks another one until it answers.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"
)

const usage = `usage: selftest serve [FILE]   answer with the host's name; write it to FILE first, and answer with the file
       selftest get URL        ask until there is an answer`

func main() {
	switch {
	case len(os.Args) >= 2 && os.Args[1] == "serve":
		log.Fatal(serve(os.Args[2:]))
	case len(os.Args) == 3 && os.Args[1] == "get":
		if err := get(os.Args[2]); err != nil {
			log.Fatal(err)
		}
	default:
		log.Fatal(usage)
	}
}

// serve answers on port 8080. Lines of earlier runs in the file are kept, so
// that a test sees whether a volume outlives its pod.
func serve(files []string) error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	for _, file := range files {
		f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(f, host); err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return http.ListenAndServe(":8080", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, host)
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			_, _ = w.Write(content) // the one who asked may have gone
		}
	}))
}

// get prints the answer. It tries for a minute: a Service has no endpoints
// before its pods are ready.
func get(url string) error {
	client := http.Client{Timeout: 3 * time.Second}
	var last error
	for begin := time.Now(); time.Since(begin) < time.Minute; time.Sleep(200 * time.Millisecond) {
		response, err := client.Get(url)
		if err != nil {
			last = err
			continue
		}
		content, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err == nil && response.StatusCode == http.StatusOK {
			fmt.Print(string(content))
			return nil
		}
		last = fmt.Errorf("%s: %s (%w)", url, response.Status, err)
	}
	return last
}
