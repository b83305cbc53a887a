package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"myriad/examples/internal/frontier"
	"myriad/examples/internal/weburl"
)

const (
	// version is what the store says that it is.
	version = "myriad frontier 1"
	// CacheBytes is the default of Options.CacheBytes.
	CacheBytes = 64 << 20
	// memTableBytes is what is collected in memory before it is sorted away.
	memTableBytes = 16 << 20
	// bloomBits per key let one look-up in a hundred go to the disk in vain.
	bloomBits = 10
)

// Options say where and how.
type Options struct {
	// Dir is the folder, made if need be; "" keeps everything in memory.
	Dir string
	// PerHost is how many links of a host are taken; 0 is without limit.
	PerHost int
	// CacheBytes of memory hold what was read; 0 is the constant CacheBytes.
	CacheBytes int64
	// Full is called when the disk is full. It returns when there is room
	// again; then the write is tried once more. nil fails at once.
	Full func()
	// Fatal is called when the store cannot go on, in place of the end of the
	// process, and must not return; nil ends the process with exit code 1.
	Fatal func(text string)
}

// Store is a frontier.Store.
type Store struct {
	db      *pebble.DB
	perHost int
	logger  logger
	ready   func(site string)

	mu     sync.Mutex // from the look at what was seen to the commit
	number uint64     // the last one given to a link
	counts struct{ seen, left, leftOut atomic.Int64 }
}

// Open opens a store, or makes one.
func Open(o Options) (*Store, error) {
	options := &pebble.Options{
		FormatMajorVersion: pebble.FormatNewest,
		MemTableSize:       memTableBytes,
		Logger:             logger{o.Fatal},
	}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(bloomBits)
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = CacheBytes
	}
	cache := pebble.NewCache(o.CacheBytes)
	defer cache.Unref() // the store holds on to it
	options.Cache = cache
	switch {
	case o.Dir == "":
		options.FS, options.DisableWAL = vfs.NewMem(), true
	case o.Full != nil:
		options.FS = vfs.OnDiskFull(vfs.Default, o.Full)
	}
	db, err := pebble.Open(o.Dir, options)
	if err != nil {
		return nil, fmt.Errorf("disk: open %s: %w", o.Dir, name(err))
	}
	s := &Store{db: db, perHost: o.PerHost, logger: logger{o.Fatal}}
	if err := s.load(); err != nil {
		db.Close()
		return nil, fmt.Errorf("disk: open %s: %w", o.Dir, err)
	}
	return s, nil
}

// name finds out what an error of Pebble's opening means.
func name(err error) error {
	var held syscall.Errno
	switch text := err.Error(); {
	case errors.As(err, &held) && (held == syscall.EAGAIN || held == syscall.EACCES) && !os.IsPermission(err),
		bytes.Contains([]byte(text), []byte("lock held by current process")):
		return fmt.Errorf("%w: %w", frontier.ErrInUse, err)
	case bytes.Contains([]byte(text), []byte("format major version")):
		return fmt.Errorf("%w: %w", frontier.ErrVersion, err)
	}
	return err
}

// load reads what an earlier run has left.
func (s *Store) load() error {
	is, err := s.get(keyVersion)
	if err != nil {
		return err
	}
	if is == nil {
		return s.db.Set(keyVersion, []byte(version), pebble.NoSync)
	}
	if string(is) != version {
		return fmt.Errorf("%w: it says %q, this program writes %q; begin anew in another folder", frontier.ErrVersion, is, version)
	}
	counts, err := s.get(keyCounts)
	if err != nil || counts == nil {
		return err
	}
	if len(counts) != countsBytes {
		return fmt.Errorf("%w: %d bytes of counts", frontier.ErrVersion, len(counts))
	}
	s.counts.seen.Store(int64(binary.BigEndian.Uint64(counts)))
	s.counts.left.Store(int64(binary.BigEndian.Uint64(counts[8:])))
	s.counts.leftOut.Store(int64(binary.BigEndian.Uint64(counts[16:])))
	s.number = binary.BigEndian.Uint64(counts[24:])
	return nil
}

// get returns a copy of a value, nil if there is none.
func (s *Store) get(key []byte) ([]byte, error) {
	value, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	value = append([]byte{}, value...)
	return value, closer.Close()
}

// Start implements frontier.Store.
func (s *Store) Start(ready func(site string)) error {
	s.ready = ready
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{prefixWaiting}, UpperBound: []byte{prefixWaiting + 1}})
	if err != nil {
		return fmt.Errorf("disk: start: %w", err)
	}
	for ok := it.First(); ok; {
		key := it.Key()
		site := string(key[1:bytes.IndexByte(key, 0)])
		ready(site)
		ok = it.SeekGE(waitingKey(nil, site, ^uint64(0)))
	}
	return it.Close()
}

// Add implements frontier.Store.
func (s *Store) Add(links []frontier.Link) (added int, err error) {
	return s.change(nil, links)
}

// Finish implements frontier.Store.
func (s *Store) Finish(it frontier.Item, found []frontier.Link) error {
	_, err := s.change(&it, found)
	return err
}

// Counts implements frontier.Store.
func (s *Store) Counts() frontier.StoreCounts {
	return frontier.StoreCounts{
		Seen: int(s.counts.seen.Load()), Left: int(s.counts.left.Load()), LeftOut: int(s.counts.leftOut.Load()),
	}
}

// Close implements frontier.Store.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("disk: close: %w", err)
	}
	return nil
}

// Take implements frontier.Store.
func (s *Store) Take(site string, after uint64, n int) (items []frontier.Item, err error) {
	it, err := s.db.NewIter(&pebble.IterOptions{
		LowerBound: waitingKey(nil, site, after+1), UpperBound: append(append([]byte{prefixWaiting}, site...), 1),
	})
	if err != nil {
		return nil, fmt.Errorf("disk: take: %w", err)
	}
	for ok := it.First(); ok && len(items) < n; ok = it.Next() {
		key := it.Key()
		l, err := frontier.ParseLink(it.Value())
		if err != nil {
			it.Close()
			return nil, fmt.Errorf("disk: take: %w", err)
		}
		items = append(items, frontier.Item{Link: l, Seq: binary.BigEndian.Uint64(key[len(key)-8:])})
	}
	if err := it.Close(); err != nil {
		return nil, fmt.Errorf("disk: take: %w", err)
	}
	return items, nil
}

// logger passes on what ends the store, and nothing else.
type logger struct{ fatal func(string) }

func (logger) Infof(string, ...any)  {}
func (logger) Errorf(string, ...any) {}

func (l logger) Fatalf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if l.fatal != nil {
		l.fatal(text)
	}
	fmt.Fprintln(os.Stderr, "state:", text)
	os.Exit(1)
}

// siteOf is the site of a canonical URL.
func siteOf(u string) string {
	site, _, _ := weburl.Split(u)
	return site
}
