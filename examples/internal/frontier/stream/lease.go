package stream

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// lease keeps this process's share of the buckets.
func (s *Store) lease() {
	ticker := time.NewTicker(s.o.Lease / 5)
	defer ticker.Stop()
	for {
		ctx, cancel := context.WithTimeout(s.ctx, min(callTimeout, s.o.Lease/2))
		s.share(ctx)
		cancel()
		select {
		case <-ticker.C:
		case <-s.ctx.Done():
			return
		}
	}
}

// share renews what is held, gives up what is too much and takes what is too
// little. Whatever fails is tried again at the next tick.
func (s *Store) share(ctx context.Context) {
	kv, err := s.conn.JS.KeyValue(ctx, s.conn.Name+"-owners")
	if err != nil {
		return
	}
	asked := time.Now()
	if _, err := kv.Put(ctx, "w."+s.id, nil); err != nil {
		return
	}
	owned, workers, err := s.owners(ctx, kv)
	if err != nil {
		return
	}
	most := (buckets + workers - 1) / workers
	for n := range buckets {
		b := s.buckets[n] // only changed here
		switch {
		case b != nil:
			s.renew(ctx, kv, b, asked, most)
		case !owned[n] && s.held() < most:
			s.acquire(ctx, kv, n, asked)
		}
	}
}

// owners lists which buckets are held, by anybody, and how many processes are
// alive.
func (s *Store) owners(ctx context.Context, kv jetstream.KeyValue) (owned [buckets]bool, workers int, err error) {
	keys, err := kv.ListKeys(ctx)
	if err != nil {
		return owned, 0, err
	}
	for key := range keys.Keys() {
		kind, rest, _ := strings.Cut(key, ".")
		n, err := strconv.Atoi(rest)
		switch {
		case kind == "w":
			workers++
		case kind == "b" && err == nil && n >= 0 && n < buckets:
			owned[n] = true
		}
	}
	return owned, max(workers, 1), ctx.Err()
}

func (s *Store) held() (n int) {
	for _, b := range s.buckets {
		if b != nil && !b.leaving {
			n++
		}
	}
	return n
}

// leaseKey is a bucket's.
func leaseKey(n int) string { return "b." + strconv.Itoa(n) }

func (s *Store) acquire(ctx context.Context, kv jetstream.KeyValue, n int, asked time.Time) {
	revision, err := kv.Create(ctx, leaseKey(n), []byte(s.id))
	if err != nil {
		return // another one was faster
	}
	pulling, stop := context.WithCancel(s.ctx)
	b := &bucket{number: n, revision: revision, until: asked.Add(s.o.Lease / 2), held: make(map[uint64]*message), stop: stop}
	s.mu.Lock()
	s.buckets[n] = b
	s.mu.Unlock()
	s.wg.Go(func() { s.pull(pulling, b) })
}

func (s *Store) renew(ctx context.Context, kv jetstream.KeyValue, b *bucket, asked time.Time, most int) {
	if !b.leaving && s.held() > most {
		s.giveUp(b)
	}
	if b.leaving && s.empty(b) {
		if err := kv.Delete(ctx, leaseKey(b.number), jetstream.LastRevision(b.revision)); err == nil {
			s.forget(b)
		}
		return
	}
	revision, err := kv.Update(ctx, leaseKey(b.number), []byte(s.id), b.revision)
	if err != nil {
		if ctx.Err() == nil && s.conn.IsConnected() { // it ran out, and may be another's
			s.giveUp(b)
			s.forget(b)
		}
		return
	}
	b.revision = revision
	s.mu.Lock()
	again := !time.Now().Before(b.until)
	b.until = asked.Add(s.o.Lease / 2)
	var sites []string
	for site, q := range s.sites {
		if again && q.bucket == b {
			sites = append(sites, site)
		}
	}
	s.mu.Unlock()
	for _, site := range sites {
		s.ready(site)
	}
}

// forget drops a bucket that is no longer ours.
func (s *Store) forget(b *bucket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for seq := range b.held {
		delete(s.taken, seq)
	}
	s.buckets[b.number] = nil
}

// resign gives the leases back at the end.
func (s *Store) resign(ctx context.Context, held []*bucket) {
	if !s.conn.IsConnected() {
		return
	}
	kv, err := s.conn.JS.KeyValue(ctx, s.conn.Name+"-owners")
	if err != nil {
		return
	}
	_ = kv.Delete(ctx, "w."+s.id)
	for _, b := range held {
		if b != nil {
			_ = kv.Delete(ctx, leaseKey(b.number), jetstream.LastRevision(b.revision))
		}
	}
}
