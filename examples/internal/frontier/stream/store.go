package stream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"myriad/examples/internal/frontier"
	"myriad/examples/internal/weburl"
)

const (
	// pendingMax is how many links of a bucket are on their way, or in hand.
	pendingMax = 512
	// siteMax is how many of those are of one site; others are sent back for
	// siteRest, so that a large site does not keep the small ones waiting.
	siteMax  = 128
	siteRest = 3 * time.Second
	// pollPause is the time between two looks at what is left.
	pollPause = 500 * time.Millisecond
)

// Store is a frontier.Store shared with other processes.
type Store struct {
	*Cluster
	ready func(site string)

	mu      sync.Mutex
	buckets [buckets]*bucket // those held
	sites   map[string]*queue
	taken   map[uint64]*message // in hand
	found   atomic.Uint64       // changes when links are added here
	seen    atomic.Int64
	left    atomic.Int64
}

// message is a link that came from the server.
type message struct {
	item   frontier.Item
	msg    jetstream.Msg
	bucket *bucket
}

// queue has the links of a site that came and were not taken.
type queue struct {
	bucket   *bucket
	messages []*message
}

// NewStore is the crawl's store as this process sees it.
func NewStore(c *Cluster) *Store {
	s := &Store{Cluster: c, sites: make(map[string]*queue), taken: make(map[uint64]*message)}
	s.left.Store(1) // until it is known
	return s
}

// Start implements frontier.Store.
func (s *Store) Start(ready func(site string)) error {
	s.ready = ready
	s.wg.Go(s.lease)
	s.wg.Go(s.poll)
	s.wg.Go(s.stayOn)
	return nil
}

// Add implements frontier.Store.
func (s *Store) Add(links []frontier.Link) (added int, err error) {
	for _, l := range links {
		if s.known.has(l.URL) {
			continue
		}
		_, host, _ := weburl.Split(l.URL)
		s.left.Store(1) // at least, and until it is known
		s.found.Add(1)
		err := s.create(s.subject("seen")+strconv.Itoa(bucketOf(host))+"."+hashOf(l.URL), l.Append(nil))
		switch {
		case err == nil:
			added++
		case !errors.Is(err, errExists):
			return added, err
		}
		s.known.add(l.URL)
	}
	return added, nil
}

// Take implements frontier.Store.
func (s *Store) Take(site string, _ uint64, n int) (items []frontier.Item, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.sites[site]
	if q == nil || !q.bucket.usable() {
		return nil, nil
	}
	n = min(n, len(q.messages))
	for _, m := range q.messages[:n] {
		items = append(items, m.item)
		s.taken[m.item.Seq] = m
	}
	if q.messages = q.messages[n:]; len(q.messages) == 0 {
		delete(s.sites, site)
	}
	return items, nil
}

// Finish implements frontier.Store. The links are there before the end is.
func (s *Store) Finish(it frontier.Item, found []frontier.Link) error {
	if _, err := s.Add(found); err != nil {
		return err
	}
	s.mu.Lock()
	m := s.taken[it.Seq]
	s.mu.Unlock()
	if m == nil {
		return nil // its bucket went to another process, which does it again
	}
	err := s.persist(func(ctx context.Context) error {
		err := m.msg.DoubleAck(ctx)
		if errors.Is(err, jetstream.ErrMsgAlreadyAckd) {
			return nil
		}
		return err
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(m)
	return err
}

// drop forgets a message that is no longer ours.
func (s *Store) drop(m *message) {
	delete(s.taken, m.item.Seq)
	delete(m.bucket.held, m.item.Seq)
}

// Counts implements frontier.Store.
func (s *Store) Counts() frontier.StoreCounts {
	return frontier.StoreCounts{Seen: int(s.seen.Load()), Left: int(s.left.Load())}
}

// Close implements frontier.Store: it gives everything back, and leaves.
func (s *Store) Close() error {
	s.close()
	s.wg.Wait()
	for _, b := range s.buckets {
		if b != nil {
			s.giveUp(b)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	s.resign(ctx, s.buckets[:])
	s.Cluster.Close()
	return nil
}

// poll finds out how much is left, at the server and in the hands of all.
func (s *Store) poll() {
	for s.ctx.Err() == nil {
		s.look()
		select {
		case <-time.After(pollPause):
		case <-s.ctx.Done():
		}
	}
}

// look counts what is left. Nothing is, only if nothing was added meanwhile.
func (s *Store) look() {
	ctx, cancel := context.WithTimeout(s.ctx, callTimeout)
	defer cancel()
	found := s.found.Load()
	before, err := s.seenCount(ctx)
	if err != nil {
		return
	}
	left := int64(0)
	for n := range buckets {
		c, err := s.seenConsumer(ctx, n)
		if err != nil {
			return
		}
		left += int64(c.NumPending) + int64(c.NumAckPending)
	}
	after, err := s.seenCount(ctx)
	if err != nil {
		return
	}
	if left == 0 && (after != before || s.found.Load() != found) {
		left = 1
	}
	s.seen.Store(after)
	s.left.Store(left)
	if left == 0 {
		s.ready("")
	}
}

func (s *Store) seenCount(ctx context.Context) (int64, error) {
	info, err := s.Cluster.seen.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("stream: %w", err)
	}
	return int64(info.State.LastSeq), nil
}

func (s *Store) seenConsumer(ctx context.Context, bucket int) (*jetstream.ConsumerInfo, error) {
	c, err := s.Cluster.seen.Consumer(ctx, consumer(bucket))
	if err != nil {
		return nil, err
	}
	return c.CachedInfo(), nil
}

// stayOn tells the server that what is in hand is still being worked on.
func (s *Store) stayOn() {
	ticker := time.NewTicker(s.o.AckWait / 4)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-s.ctx.Done():
			return
		}
		s.mu.Lock()
		var held []jetstream.Msg
		for _, b := range s.buckets {
			if b == nil {
				continue
			}
			for _, m := range b.held {
				held = append(held, m.msg)
			}
		}
		s.mu.Unlock()
		for _, m := range held {
			_ = m.InProgress() // it comes again if that fails for too long
		}
	}
}
