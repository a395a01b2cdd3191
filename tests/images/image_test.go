package main

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const exampleSpec = `{
  "ref": "andon.dev/example:1",
  "entrypoint": ["/opt/app/run"], "cmd": ["--x"], "env": ["A=b"], "user": "10001:10001",
  "workingDir": "/opt", "labels": {"k": "v"},
  "layers": [
    {"comment": "app",
     "copy": [{"from": "app", "to": "/opt/app", "exclude": ["*.log", "skip"]}],
     "files": {"/etc/passwd": "root:x:0:0:::\n"},
     "dirs": {"/tmp": "1777", "/var/lib/app": ""},
     "links": {"/bin/run": "/opt/app/run"}}
  ]
}`

// writeExample makes the sources and the spec, with files as old as told: an
// image must not show it.
func writeExample(t *testing.T, age time.Duration) string {
	t.Helper()
	folder := t.TempDir()
	for path, text := range map[string]string{
		"app/run": "binary", "app/lib/a.jar": "a", "app/debug.log": "no", "app/skip/b": "no",
		"target.txt": "linked",
	} {
		file := filepath.Join(folder, path)
		check(t, os.MkdirAll(filepath.Dir(file), 0o700))
		check(t, os.WriteFile(file, []byte(text), 0o600))
		then := time.Now().Add(-age)
		check(t, os.Chtimes(file, then, then))
	}
	check(t, os.Chmod(filepath.Join(folder, "app/run"), 0o711))
	check(t, os.Symlink("../target.txt", filepath.Join(folder, "app/link.txt")))
	check(t, os.WriteFile(filepath.Join(folder, "spec.json"), []byte(exampleSpec), 0o600))
	return folder
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func buildExample(t *testing.T, folder string) string {
	t.Helper()
	out := filepath.Join(folder, "out.tar")
	check(t, run(folder, filepath.Join(folder, "spec.json"), out))
	return out
}

func TestSameInputsGiveTheSameBytes(t *testing.T) {
	first, err := os.ReadFile(buildExample(t, writeExample(t, 0)))
	check(t, err)
	second, err := os.ReadFile(buildExample(t, writeExample(t, 1000*time.Hour)))
	check(t, err)
	if !bytes.Equal(first, second) {
		t.Fatal("two builds from the same files differ")
	}
}

func TestArchiveHoldsWhatTheSpecSays(t *testing.T) {
	image, err := tarball.ImageFromPath(buildExample(t, writeExample(t, 0)), nil)
	check(t, err)
	config, err := image.ConfigFile()
	check(t, err)
	if c := config.Config; c.User != "10001:10001" || c.Entrypoint[0] != "/opt/app/run" || c.Cmd[0] != "--x" ||
		c.Env[0] != "A=b" || c.WorkingDir != "/opt" || c.Labels["k"] != "v" {
		t.Fatalf("configuration is %+v", c)
	}
	layers, err := image.Layers()
	check(t, err)
	content, err := layers[0].Uncompressed()
	check(t, err)
	got := listing(t, content)
	want := strings.Join([]string{
		"bin/ 755", "bin/run 777 -> /opt/app/run", "etc/ 755", "etc/passwd 644 root:x:0:0:::\n",
		"opt/ 755", "opt/app/ 755", "opt/app/lib/ 755", "opt/app/lib/a.jar 644 a", "opt/app/link.txt 644 linked",
		"opt/app/run 755 binary", "tmp/ 1777", "var/ 755", "var/lib/ 755", "var/lib/app/ 755",
	}, "|")
	if got != want {
		t.Fatalf("layer holds\n%s\nwant\n%s", got, want)
	}
}

// listing shows a layer as one line.
func listing(t *testing.T, content io.Reader) string {
	t.Helper()
	var lines []string
	for reader := tar.NewReader(content); ; {
		header, err := reader.Next()
		if err == io.EOF {
			return strings.Join(lines, "|")
		}
		check(t, err)
		text, err := io.ReadAll(reader)
		check(t, err)
		line := header.Name + " " + formatMode(header.Mode)
		if header.Linkname != "" {
			line += " -> " + header.Linkname
		}
		if len(text) > 0 {
			line += " " + string(text)
		}
		if header.Uid != 0 || header.ModTime.Unix() != 0 {
			line += " (owner or time shows)"
		}
		lines = append(lines, line)
	}
}

func formatMode(mode int64) string {
	const digits = "01234567"
	text := ""
	for ; mode > 0; mode /= 8 {
		text = string(digits[mode%8]) + text
	}
	return text
}

func TestWrongSpecsAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{"ref":"a:1","layer":[]}`:                                                   `unknown field "layer"`,
		`{"layers":[]}`:                                                              `ref: is empty`,
		`{"ref":"a:1","env":["X"]}`:                                                  `env[0]: "X", want NAME=VALUE`,
		`{"ref":"A B","layers":[]}`:                                                  `ref: `,
		`{"ref":"a:1","layers":[{"files":{"etc/x":""}}]}`:                            `"etc/x" is no absolute, clean path`,
		`{"ref":"a:1","layers":[{"files":{"/a/../x":""}}]}`:                          `"/a/../x" is no absolute, clean path`,
		`{"ref":"a:1","layers":[{"dirs":{"/x":"999"}}]}`:                             `mode "999", want an octal number`,
		`{"ref":"a:1","layers":[{"copy":[{"from":"no","to":"/x"}]}]}`:                `copy.from: `,
		`{"ref":"a:1","layers":[{"copy":[{"from":".","to":"/x","exclude":["["]}]}]}`: `copy[0].exclude: "["`,
	} {
		folder := t.TempDir()
		file := filepath.Join(folder, "spec.json")
		check(t, os.WriteFile(file, []byte(text), 0o600))
		out := filepath.Join(folder, "out.tar")
		err := run(folder, file, out)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want one with %q", text, err, want)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%s: an archive was written all the same", text)
		}
	}
}
