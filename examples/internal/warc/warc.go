package warc

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"
)

// FileBytes is the size at which the next file is begun, as the standard's
// annex recommends.
const FileBytes = 1 << 30

// ErrWrite: a file could not be written.
var ErrWrite = errors.New("write archive")

// Exchange is one request with its reply.
type Exchange struct {
	URL     string
	At      time.Time
	Address netip.Addr // of the server
	Proto   string     // as the reply had it
	Request http.Header
	Status  int
	Header  http.Header
	Body    []byte // as it was sent
	// Truncated says why the body is not whole: length, time or disconnect;
	// empty if it is.
	Truncated string
}

// Writer writes exchanges.
type Writer struct {
	dir, software string
	fileBytes     int64

	mu     sync.Mutex
	file   *os.File
	number int
	offset int64
	err    error // the first failure; nothing is written after it
}

// Open opens a folder, made if need be, and goes on with its last file.
// software is named in each file.
func Open(dir, software string) (*Writer, error) {
	w := &Writer{dir: dir, software: software, fileBytes: FileBytes}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("warc: %w: %w", ErrWrite, err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "crawl-*.warc.gz"))
	if err != nil {
		return nil, fmt.Errorf("warc: %w: %w", ErrWrite, err)
	}
	w.number = max(len(names)-1, 0)
	if err := w.open(); err != nil {
		return nil, err
	}
	return w, nil
}

// Write writes an exchange.
func (w *Writer) Write(e *Exchange) error {
	var b bytes.Buffer
	response, request := newID(), newID()
	host := fields{{"WARC-Target-URI", e.URL}, {"WARC-Date", date(e.At)}, {"WARC-IP-Address", e.Address.String()}}
	body := fields{{"WARC-Payload-Digest", digest(e.Body)}, {"WARC-Protocol", protocol(e.Proto)}}
	if e.Truncated != "" {
		body = append(body, [2]string{"WARC-Truncated", e.Truncated})
	}
	pack(&b, "response", response, "application/http; msgtype=response", append(host, body...), replyBlock(e))
	pack(&b, "request", request, "application/http; msgtype=request", append(host, [2]string{"WARC-Concurrent-To", response}), requestBlock(e))

	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil && w.offset > w.fileBytes {
		w.err = w.next()
	}
	if w.err == nil {
		w.err = w.add(b.Bytes())
	}
	return w.err
}

// Close closes the file.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = os.ErrClosed
	}
	return w.file.Close()
}

func (w *Writer) next() error {
	if err := w.file.Close(); err != nil {
		return fmt.Errorf("warc: %w: %w", ErrWrite, err)
	}
	w.number++
	return w.open()
}

// open opens the file of the number, cut down to whole records.
func (w *Writer) open() (err error) {
	name := filepath.Join(w.dir, fmt.Sprintf("crawl-%05d.warc.gz", w.number))
	if w.file, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return fmt.Errorf("warc: %w: %w", ErrWrite, err)
	}
	if w.offset, err = whole(w.file); err == nil {
		err = w.file.Truncate(w.offset)
	}
	if err == nil && w.offset == 0 {
		var b bytes.Buffer
		text := "software: " + w.software + "\r\nformat: WARC File Format 1.1\r\n"
		pack(&b, "warcinfo", newID(), "application/warc-fields",
			fields{{"WARC-Date", date(time.Now())}, {"WARC-Filename", filepath.Base(name)}}, []byte(text))
		err = w.add(b.Bytes())
	}
	if err != nil {
		w.file.Close()
		return fmt.Errorf("warc: %s: %w: %w", name, ErrWrite, err)
	}
	return nil
}

// add writes at the end, all or nothing.
func (w *Writer) add(b []byte) error {
	n, err := w.file.WriteAt(b, w.offset)
	if err != nil {
		_ = w.file.Truncate(w.offset)
		return fmt.Errorf("warc: %w: %w", ErrWrite, err)
	}
	w.offset += int64(n)
	return nil
}

// whole is the length of the records of a file that are whole.
func whole(f *os.File) (int64, error) {
	in := &counted{from: f}
	buffered := bufio.NewReaderSize(in, 1<<20)
	var z gzip.Reader
	for end := int64(0); ; end = in.bytes - int64(buffered.Buffered()) {
		if err := z.Reset(buffered); err != nil {
			return end, readFailure(err)
		}
		z.Multistream(false)
		if _, err := io.Copy(io.Discard, &z); err != nil {
			return end, readFailure(err)
		}
	}
}

// counted counts what is read.
type counted struct {
	from  io.Reader
	bytes int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.bytes += int64(n)
	return n, err
}

// readFailure tells a file that cannot be read from one that is cut short.
func readFailure(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return err
	}
	return nil
}

type fields [][2]string

// pack appends a record, packed by itself.
func pack(to *bytes.Buffer, kind, id, contentType string, more fields, block []byte) {
	z := zippers.Get().(*gzip.Writer)
	defer zippers.Put(z)
	z.Reset(to)
	// A bytes.Buffer fails nothing.
	fmt.Fprintf(z, "WARC/1.1\r\nWARC-Type: %s\r\nWARC-Record-ID: %s\r\n", kind, id)
	for _, f := range more {
		fmt.Fprintf(z, "%s: %s\r\n", f[0], f[1])
	}
	fmt.Fprintf(z, "WARC-Block-Digest: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", digest(block), contentType, len(block))
	_, _ = z.Write(block)
	_, _ = io.WriteString(z, "\r\n\r\n")
	_ = z.Close()
}

var zippers = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	return z
}}

func replyBlock(e *Exchange) []byte {
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 " + strconv.Itoa(e.Status) + " " + http.StatusText(e.Status) + "\r\n")
	header(&b, e.Header)
	b.Write(e.Body)
	return b.Bytes()
}

func requestBlock(e *Exchange) []byte {
	var b bytes.Buffer
	req, err := http.NewRequest(http.MethodGet, e.URL, nil)
	if err == nil {
		b.WriteString("GET " + req.URL.RequestURI() + " HTTP/1.1\r\nHost: " + req.URL.Host + "\r\n")
	}
	header(&b, e.Request)
	return b.Bytes()
}

func header(b *bytes.Buffer, h http.Header) {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range h[name] {
			b.WriteString(name + ": " + value + "\r\n")
		}
	}
	b.WriteString("\r\n")
}

func date(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func protocol(proto string) string {
	if proto == "HTTP/2.0" {
		return "h2"
	}
	return "http/1.1"
}

// newID is a URN of a random UUID (RFC 9562 §5.4).
func newID() string {
	var u [16]byte
	rand.Read(u[:])
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return fmt.Sprintf("<urn:uuid:%x-%x-%x-%x-%x>", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
