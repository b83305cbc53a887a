package warc

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func exchange(n int) *Exchange {
	return &Exchange{
		URL: fmt.Sprintf("http://a.test/%d?q=%%20", n), At: time.Unix(1e9, 0), Address: netip.MustParseAddr("192.0.2.1"),
		Proto: "HTTP/2.0", Request: http.Header{"User-Agent": {"test"}}, Status: 200,
		Header: http.Header{"Content-Type": {"text/plain"}, "Set-Cookie": {"a=1", "b=2"}},
		Body:   bytes.Repeat([]byte{byte(n), '\r', '\n', 0}, n*100),
	}
}

// readJS is how npm's warcio reads a folder: each record as a line of JSON.
const readJS = `
import { WARCParser } from "warcio";
import fs from "node:fs";
import { createHash } from "node:crypto";
for (const name of process.argv.slice(2)) {
  const parser = new WARCParser(fs.createReadStream(name));
  for await (const record of parser) {
    const head = record.httpHeaders ? record.httpHeaders.statusline : "";
    const payload = await record.readFully(false);
    console.log(JSON.stringify({
      type: record.warcType, uri: record.warcTargetURI, head: head, bytes: payload.length,
      sum: "sha256:" + createHash("sha256").update(payload).digest("hex"),
      digest: record.warcHeaders.headers.get("WARC-Payload-Digest"),
    }));
  }
}`

type readBack struct {
	Type, URI, Head, Sum, Digest string
	Bytes                        int
}

// read reads files with npm's warcio.
func read(t *testing.T, paths ...string) (all []readBack) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Skip("no npm to read archives back with: ", err)
	}
	dir := t.TempDir()
	install := exec.Command(npm, "install", "--prefix", dir, "--no-audit", "--no-fund", "--ignore-scripts", "warcio@2.4.11")
	if told, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm install warcio: %v: %s", err, told)
	}
	script := filepath.Join(dir, "read.mjs")
	require.NoError(t, os.WriteFile(script, []byte(readJS), 0o600))
	cmd := exec.Command("node", append([]string{script}, paths...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		var r readBack
		require.NoError(t, json.Unmarshal([]byte(line), &r), line)
		all = append(all, r)
	}
	return all
}

func TestWarcioReadsWhatWasWritten(t *testing.T) {
	dir := t.TempDir()
	w, err := Open(dir, "test/1")
	require.NoError(t, err)
	w.fileBytes = 2000
	const count = 40
	for n := range count {
		require.NoError(t, w.Write(exchange(n)))
	}
	require.NoError(t, w.Close())
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Greater(t, len(paths), 2)
	kinds, n := map[string]int{}, 0
	for _, r := range read(t, paths...) {
		kinds[r.Type]++
		switch r.Type {
		case "response":
			e := exchange(n)
			require.Equal(t, e.URL, r.URI)
			require.Equal(t, "HTTP/1.1 200 OK", r.Head)
			require.Equal(t, len(e.Body), r.Bytes)
			require.Equal(t, r.Digest, r.Sum)
			require.Equal(t, digest(e.Body), r.Sum)
		case "request":
			require.Equal(t, fmt.Sprintf("GET /%d?q=%%20 HTTP/1.1", n), r.Head)
			n++
		}
	}
	require.Equal(t, map[string]int{"warcinfo": len(paths), "response": count, "request": count}, kinds)
}

// TestATornRecordIsCutOff cuts a file anywhere, and goes on with it.
func TestATornRecordIsCutOff(t *testing.T) {
	for _, cut := range []int64{1, 7, 100, 300} {
		dir := t.TempDir()
		w, err := Open(dir, "test/1")
		require.NoError(t, err)
		require.NoError(t, w.Write(exchange(1)))
		kept := w.offset
		require.NoError(t, w.Write(exchange(2)))
		size := w.offset
		require.NoError(t, w.Close())
		path := filepath.Join(dir, "crawl-00000.warc.gz")
		require.NoError(t, os.Truncate(path, size-cut))
		w, err = Open(dir, "test/1")
		require.NoError(t, err)
		require.GreaterOrEqual(t, w.offset, kept)
		require.Less(t, w.offset, size-cut)
		require.NoError(t, w.Write(exchange(3)))
		require.NoError(t, w.Close())
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		z, err := gzip.NewReader(bytes.NewReader(content))
		require.NoError(t, err)
		var text bytes.Buffer
		_, err = text.ReadFrom(z)
		require.NoError(t, err, "whole from end to end")
		require.Contains(t, text.String(), "a.test/1")
		require.Contains(t, text.String(), "a.test/3")
	}
}

func TestAFullDiskIsTold(t *testing.T) {
	w, err := Open(t.TempDir(), "test/1")
	require.NoError(t, err)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full: ", err)
	}
	require.NoError(t, w.file.Close())
	w.file = full
	err = w.Write(exchange(1))
	require.ErrorIs(t, err, ErrWrite)
	require.Equal(t, err, w.Write(exchange(2)), "it stays so")
	require.NoError(t, w.Close())
}
