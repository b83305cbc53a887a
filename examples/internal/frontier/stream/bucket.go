package stream

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"myriad/examples/internal/frontier"
	"myriad/examples/internal/natsconn"
	"myriad/examples/internal/weburl"
)

// bucket is one that this process holds.
type bucket struct {
	number   int
	revision uint64    // of the lease
	until    time.Time // the lease is good, by our clock
	leaving  bool      // nothing is taken any more; given up when nothing is in hand
	held     map[uint64]*message
	stop     context.CancelFunc
}

// usable reports whether links of the bucket may be handed out.
func (b *bucket) usable() bool { return !b.leaving && time.Now().Before(b.until) }

// pull brings the links of a bucket in, until ctx ends.
func (s *Store) pull(ctx context.Context, b *bucket) {
	select {
	case <-time.After(s.o.Settle):
	case <-ctx.Done():
		return
	}
	for ctx.Err() == nil {
		if err := s.pullSome(ctx, b); err != nil && ctx.Err() == nil {
			select {
			case <-time.After(natsconn.RetryPause):
			case <-ctx.Done():
			}
		}
	}
}

// pullSome does so until something fails.
func (s *Store) pullSome(ctx context.Context, b *bucket) error {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	c, err := s.Cluster.seen.Consumer(call, consumer(b.number))
	if err != nil {
		return err
	}
	in, err := c.Messages(jetstream.PullMaxMessages(64), jetstream.PullExpiry(callTimeout))
	if err != nil {
		return err
	}
	stopped := context.AfterFunc(ctx, in.Stop)
	defer stopped()
	defer in.Stop()
	for {
		msg, err := in.Next()
		if err != nil {
			return err
		}
		if !s.receive(ctx, b, msg) {
			_ = msg.NakWithDelay(siteRest)
		}
	}
}

// receive puts a link where it waits to be taken. It reports false for one that
// is to come later.
func (s *Store) receive(ctx context.Context, b *bucket, msg jetstream.Msg) bool {
	meta, err := msg.Metadata()
	if err != nil {
		return true
	}
	l, err := frontier.ParseLink(msg.Data())
	if err != nil {
		_ = msg.Term() // nobody can make sense of it
		return true
	}
	site, _, _ := weburl.Split(l.URL)
	s.mu.Lock()
	if ctx.Err() != nil || b.leaving {
		s.mu.Unlock()
		_ = msg.Nak()
		return true
	}
	seq := meta.Sequence.Stream
	if m := b.held[seq]; m != nil { // sent again while it is in hand
		m.msg = msg
		s.mu.Unlock()
		return true
	}
	q := s.sites[site]
	if q == nil {
		q = &queue{bucket: b}
		s.sites[site] = q
	}
	if len(q.messages) >= siteMax {
		s.mu.Unlock()
		return false
	}
	m := &message{item: frontier.Item{Link: l, Seq: seq}, msg: msg, bucket: b}
	b.held[seq] = m
	q.messages = append(q.messages, m)
	s.mu.Unlock()
	s.known.add(l.URL)
	s.ready(site)
	return true
}

// giveUp stops a bucket and gives back what nobody has taken; what is in hand
// is finished, or comes again to the next holder.
func (s *Store) giveUp(b *bucket) {
	b.stop()
	s.mu.Lock()
	var back []jetstream.Msg
	for site, q := range s.sites {
		if q.bucket == b {
			delete(s.sites, site)
		}
	}
	for seq, m := range b.held {
		if s.taken[seq] == nil || s.ctx.Err() != nil {
			back = append(back, m.msg)
			delete(b.held, seq)
		}
	}
	b.leaving = true
	s.mu.Unlock()
	for _, m := range back {
		_ = m.Nak()
	}
}

// empty reports whether nothing of a bucket is in hand.
func (s *Store) empty(b *bucket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(b.held) == 0
}
