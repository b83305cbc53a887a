package stream

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"myriad/examples/internal/frontier"
	"myriad/examples/internal/natsconn"
)

const (
	// buckets is what hosts are spread over, and the most processes that have
	// something to do.
	buckets = 32
	// callTimeout is how long one call waits before it is made again.
	callTimeout = 5 * time.Second
)

// Options say which crawl, and how patient to be with its members.
type Options struct {
	// URL of the server, with the crawl's name as its path:
	// nats://host:4222/name. Without one the name is crawl.
	URL string
	// Lease is how long a process that is not heard of keeps its buckets; 0 is
	// 10 s.
	Lease time.Duration
	// AckWait is how long a link that was taken by a process that is not heard
	// of stays taken; 0 is 15 s.
	AckWait time.Duration
	// Settle is how long a bucket rests when it changes hands: the pause that
	// hosts are promised.
	Settle time.Duration
	// Log says when the server goes away and comes back; nil says nothing.
	Log func(text string)
}

// Cluster is a crawl's membership.
type Cluster struct {
	o     Options
	id    string
	conn  *natsconn.Conn
	seen  jetstream.Stream
	known known

	ctx   context.Context // ends with Close
	close context.CancelFunc
	wg    sync.WaitGroup
}

// Join connects to the server and makes what the crawl needs there. Errors do
// not repeat a password.
func Join(o Options) (*Cluster, error) {
	if o.Lease == 0 {
		o.Lease = 10 * time.Second
	}
	if o.AckWait == 0 {
		o.AckWait = 15 * time.Second
	}
	c := &Cluster{o: o, id: rand.Text()}
	var err error
	if c.conn, err = natsconn.Dial(o.URL, "crawl", "crawler", o.Log); err != nil {
		return nil, fmt.Errorf("stream: %w", err)
	}
	c.ctx, c.close = context.WithCancel(context.Background())
	if err := c.prepare(); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// prepare makes what is not there yet.
func (c *Cluster) prepare() error {
	ctx, cancel := context.WithTimeout(c.ctx, natsconn.ConnectTimeout)
	defer cancel()
	for _, kv := range []jetstream.KeyValueConfig{
		{Bucket: c.conn.Name + "-seen", Description: "myriad frontier 1", Storage: jetstream.FileStorage},
		{Bucket: c.conn.Name + "-results", Description: "myriad results 1", Storage: jetstream.FileStorage},
		{Bucket: c.conn.Name + "-owners", Description: "myriad owners 1", Storage: jetstream.FileStorage, TTL: c.o.Lease},
	} {
		if err := c.makeKV(ctx, kv); err != nil {
			return err
		}
	}
	var err error
	if c.seen, err = c.conn.JS.Stream(ctx, "KV_"+c.conn.Name+"-seen"); err != nil {
		return fmt.Errorf("stream: %w", err)
	}
	for n := range buckets {
		_, err := c.seen.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
			Durable: consumer(n), AckPolicy: jetstream.AckExplicitPolicy, AckWait: c.o.AckWait,
			MaxAckPending: pendingMax, FilterSubject: fmt.Sprintf("%s%d.>", c.subject("seen"), n),
		})
		if err != nil {
			return fmt.Errorf("stream: consumer %d: %w", n, err)
		}
	}
	return nil
}

// makeKV makes a bucket of keys, and refuses one of another version.
func (c *Cluster) makeKV(ctx context.Context, want jetstream.KeyValueConfig) error {
	_, err := c.conn.JS.CreateKeyValue(ctx, want)
	if err == nil {
		return nil
	}
	have, err2 := c.conn.JS.Stream(ctx, "KV_"+want.Bucket)
	if err2 != nil {
		return fmt.Errorf("stream: %s: %w", want.Bucket, errors.Join(err, err2))
	}
	if is := have.CachedInfo().Config.Description; is != want.Description {
		return fmt.Errorf("stream: %s: %w: it is of %q, this program writes %q; give the crawl another name",
			want.Bucket, frontier.ErrVersion, is, want.Description)
	}
	return nil
}

// Close leaves the crawl. What waits at the server stays there.
func (c *Cluster) Close() {
	c.close()
	c.wg.Wait()
	c.conn.Close()
}

// Away reports whether the server cannot be reached.
func (c *Cluster) Away() bool { return c.conn.Away() }

// subject is what the subjects of a KV begin with.
func (c *Cluster) subject(kv string) string { return "$KV." + c.conn.Name + "-" + kv + "." }

func consumer(bucket int) string { return fmt.Sprintf("b%d", bucket) }

// bucketOf spreads hosts.
func bucketOf(host string) int {
	h := fnv.New32a()
	h.Write([]byte(host))
	return int(h.Sum32() % buckets)
}

func hashOf(u string) string {
	sum := sha256.Sum256([]byte(u))
	return hex.EncodeToString(sum[:16])
}

// errExists: the key was there already.
var errExists = errors.New("exists")

// create creates a key, waiting for the server as long as it takes. A write
// whose answer was lost is made again, and is there then: that is no error to
// whoever treats errExists as none.
func (c *Cluster) create(subject string, value []byte) error {
	return c.persist(func(ctx context.Context) error {
		_, err := c.conn.JS.PublishMsg(ctx, &nats.Msg{Subject: subject, Data: value}, jetstream.WithExpectLastSequencePerSubject(0))
		if natsconn.IsConflict(err) {
			return errExists
		}
		return err
	})
}

// persist makes a call until the server answers it, or Close.
func (c *Cluster) persist(call func(context.Context) error) error {
	for {
		ctx, cancel := context.WithTimeout(c.ctx, callTimeout)
		err := call(ctx)
		cancel()
		if err == nil || errors.Is(err, errExists) {
			return err
		}
		if c.ctx.Err() != nil {
			return fmt.Errorf("stream: %w", frontier.ErrClosed)
		}
		select { // also for what the server refuses: a full disk may have room again
		case <-time.After(natsconn.RetryPause):
		case <-c.ctx.Done():
		}
	}
}

// known remembers links that are seen, so that they are not asked about. It
// forgets in two generations.
type known struct {
	mu       sync.Mutex
	new, old map[[16]byte]struct{}
}

// knownMax is how many links one generation has.
const knownMax = 1 << 17

func (k *known) has(u string) bool {
	sum := sha256.Sum256([]byte(u))
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.new[[16]byte(sum[:16])]; ok {
		return true
	}
	_, ok := k.old[[16]byte(sum[:16])]
	return ok
}

func (k *known) add(u string) {
	sum := sha256.Sum256([]byte(u))
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.new == nil || len(k.new) >= knownMax {
		k.old, k.new = k.new, make(map[[16]byte]struct{})
	}
	k.new[[16]byte(sum[:16])] = struct{}{}
}
