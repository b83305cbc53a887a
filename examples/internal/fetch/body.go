package fetch

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
)

const (
	// acceptEncoding names what unpack understands.
	acceptEncoding = "gzip, zstd"
	// windowMax is the most that zstd may look back (RFC 9659 §3).
	windowMax = 8 << 20
	// freeBytes of a body count for nothing; what is longer comes out of
	// memoryMax, which all bodies in hand share.
	freeBytes = 256 << 10
	memoryMax = 256 << 20
)

// budget is what memory is left for long bodies.
type budget struct{ free atomic.Int64 }

func (b *budget) take(n int64) bool {
	if b.free.Add(-n) >= 0 {
		return true
	}
	b.free.Add(n)
	return false
}

// buffer holds a body, within the budget.
type buffer struct {
	b      bytes.Buffer // not embedded: its ReadFrom would go round Write
	budget *budget
	taken  int64
}

// buffers are for bodies, most of which are small.
var buffers = sync.Pool{New: func() any {
	b := new(buffer)
	b.b.Grow(16 << 10)
	return b
}}

func newBuffer(from *budget) *buffer {
	b := buffers.Get().(*buffer)
	b.budget = from
	return b
}

// Write takes from the budget what the body grows by.
func (b *buffer) Write(p []byte) (int, error) {
	if over := int64(b.b.Len()+len(p)) - freeBytes - b.taken; over > 0 {
		over = (over + freeBytes - 1) / freeBytes * freeBytes
		if !b.budget.take(over) {
			return 0, ErrMemory
		}
		b.taken += over
	}
	return b.b.Write(p)
}

func (b *buffer) release() {
	if b == nil {
		return
	}
	b.budget.free.Add(b.taken)
	b.taken = 0
	if b.b.Cap() <= freeBytes {
		b.b.Reset()
		buffers.Put(b)
	}
}

// wire is the body as it comes: it counts, digests, and keeps it where wanted.
type wire struct {
	from  io.Reader
	limit int64
	bytes int64
	sum   hash.Hash
	raw   *buffer // nil when it is not wanted
	err   error   // why it ended, if not with its end
}

func (w *wire) Read(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.from.Read(p)
	w.bytes += int64(n)
	w.sum.Write(p[:n])
	if w.raw != nil {
		_, w.err = w.raw.Write(p[:n])
	}
	switch {
	case w.err != nil:
	case w.bytes > w.limit:
		w.err = ErrTooLarge
	case err != io.EOF:
		w.err = err
	default:
		return n, io.EOF
	}
	return n, w.err
}

// readBody reads to the end, or to the limit.
func (f *Fetcher) readBody(resp *http.Response, r *Reply, keep bool) error {
	w := &wire{from: resp.Body, limit: f.options.BodyBytes, sum: sha256.New()}
	if f.options.KeepRaw {
		r.raw = newBuffer(&f.memory)
		w.raw = r.raw
	}
	err := f.unpack(w, r, keep)
	if err == nil {
		_, err = io.Copy(io.Discard, w) // what is behind the packed part, and the end
	}
	r.Bytes = w.bytes
	if r.raw != nil {
		r.Raw = r.raw.b.Bytes()
	}
	if err == nil {
		r.Digest = "sha256:" + hex.EncodeToString(w.sum.Sum(nil))
	}
	return err
}

// unpack reads the body into Reply.Body, where wanted.
func (f *Fetcher) unpack(w *wire, r *Reply, keep bool) error {
	if !keep {
		return nil
	}
	in, packed, end, err := unpacker(w, r.Header.Get("Content-Encoding"))
	if err == nil {
		defer end()
		r.body = newBuffer(&f.memory)
		_, err = io.Copy(r.body, io.LimitReader(in, f.options.BodyBytes+1))
		r.Body = r.body.b.Bytes()
	}
	switch {
	case w.err != nil:
		return w.err
	case err != nil && packed && !errors.Is(err, ErrMemory):
		return fmt.Errorf("%w: %w", ErrEncoding, err)
	case err == nil && packed && int64(len(r.Body)) > f.options.BodyBytes:
		return ErrBomb
	}
	return err
}

var errUnknownEncoding = errors.New("content encoding was not asked for")

// unpacker reads what is packed in w.
func unpacker(w io.Reader, encoding string) (in io.Reader, packed bool, end func(), err error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return w, false, func() {}, nil
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(w)
		if err == io.EOF { // an empty body, as some redirects have
			return strings.NewReader(""), false, func() {}, nil
		}
		return z, true, func() {}, err
	case "zstd":
		z, err := zstd.NewReader(w, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(windowMax))
		if err != nil {
			return nil, true, nil, err
		}
		return z, true, z.Close, nil
	}
	return nil, true, nil, fmt.Errorf("%w: %q", errUnknownEncoding, encoding)
}
