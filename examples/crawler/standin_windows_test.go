package main

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/program"
)

// crawler runs the command with the arguments.
func crawler(args ...string) int {
	return newProgram(new(options)).Execute(args, os.Stdout)
}

// On an interface without the driver it says so, and what to do.
func TestTheDriverIsMissing(t *testing.T) {
	seeds := filepath.Join(os.TempDir(), "crawler-seeds")
	require.NoError(t, os.WriteFile(seeds, []byte("http://10.2.0.1/0\n"), 0o600))
	defer os.Remove(seeds)
	said, err := os.CreateTemp("", "crawler-stderr")
	require.NoError(t, err)
	defer os.Remove(said.Name())
	stderr := os.Stderr
	os.Stderr = said
	code := crawler("-interface", os.Getenv("MYRIAD_INTERFACE"), "-source", "10.1.0.0/28", "-gateway-mac", "02:00:00:00:00:02",
		"-seeds", seeds, "-contact", "https://crawler.test/about", "-out", seeds+".jsonl")
	os.Stderr = stderr
	defer os.Remove(seeds + ".jsonl")
	text, err := os.ReadFile(said.Name())
	require.NoError(t, err)
	require.Equal(t, program.Failed, code, string(text))
	require.Contains(t, string(text), "install the IRLstack driver and start it")
}

// A crawl over the driver's stand-in, another process: ten pages, each linked
// from the one before.
func TestCrawlOverTheStandIn(t *testing.T) {
	standIn := os.Getenv("MYRIAD_STANDIN")
	if standIn == "" {
		t.Skip("MYRIAD_STANDIN does not name the test binary of iobackend/irlstack, whose stand-in is needed")
	}
	const pipe = `\\.\pipe\myriad-crawler`
	process := exec.Command(standIn, "-test.run=^TestStandInProcess$")
	process.Env = append(os.Environ(), "MYRIAD_STANDIN_PIPE="+pipe)
	input, err := process.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, process.Start())
	defer func() { _ = input.Close(); _ = process.Wait() }()

	seeds, out := filepath.Join(os.TempDir(), "standin-seeds"), filepath.Join(os.TempDir(), "standin.jsonl")
	require.NoError(t, os.WriteFile(seeds, []byte("http://10.2.0.1/0\n"), 0o600))
	defer os.Remove(seeds)
	defer os.Remove(out)
	code := program.Failed
	for end := time.Now().Add(20 * time.Second); code == program.Failed && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		_ = os.Remove(out)
		code = crawler("-interface", pipe, "-source", "10.1.0.0/28", "-gateway-mac", "02:00:00:00:00:02",
			"-seeds", seeds, "-contact", "https://crawler.test/about", "-allow", "10.2.0.0/16", "-out", out, "-pause", "1ms", "-timeout", "20s")
	}
	require.Equal(t, program.Finished, code)
	file, err := os.Open(out)
	require.NoError(t, err)
	defer file.Close()
	pages := map[string]int{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var page struct {
			URL    string `json:"url"`
			Status int    `json:"status"`
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &page))
		pages[page.URL] = page.Status
	}
	require.Len(t, pages, 10)
	for url, status := range pages {
		require.Equal(t, 200, status, url)
	}
}
