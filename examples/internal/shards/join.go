package shards

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"myriad/examples/internal/natsconn"
	"myriad/examples/internal/state"
)

var (
	// ErrLost: another process has taken the part over.
	ErrLost = errors.New("another process has taken the part over")
	// ErrAway: the server was away for too long.
	ErrAway = errors.New("the NATS server is away")
)

const (
	// callTimeout is how long one call waits before it is made again.
	callTimeout = 5 * time.Second
	// hurryTime is how long calls may take at the end of a run.
	hurryTime = 5 * time.Second
	// signs is how often a process gives a sign of life in a lease.
	signs = 5

	leaseDefault = 10 * time.Second
	awayDefault  = 10 * time.Minute
)

// Plan is what the first process decides.
type Plan struct {
	Parts int    `json:"parts"`
	Seed  uint64 `json:"seed"`
}

// Options say which run, and how patient to be.
type Options struct {
	// URL of the server, with the run's name as its path:
	// nats://host:4222/name. Without one the name is run.
	URL      string
	Identity state.Identity
	// Plan is taken if this is the first process.
	Plan Plan
	// Lease is how long a process that is not heard of keeps its parts; 0 is
	// 10 s.
	Lease time.Duration
	// AwayMax is how long the server may be away; 0 is 10 min.
	AwayMax time.Duration
	// Hold is called with true when work should rest, and with false when it may
	// go on; nil is not.
	Hold func(bool)
	// Log says when the server goes away and comes back; nil says nothing.
	Log func(text string)
}

// Run is a process's membership of a run.
type Run struct {
	o    Options
	id   string
	conn *natsconn.Conn
	kv   jetstream.KeyValue
	plan Plan

	mu     sync.Mutex
	held   map[int]*Part
	signed atomic.Int64 // when the last write was confirmed, in nanoseconds since began

	began time.Time
	ctx   context.Context // ends with Close
	stop  context.CancelFunc
	wg    sync.WaitGroup
}

// Join connects to the server and joins the run, or makes it.
func Join(ctx context.Context, o Options) (r *Run, err error) {
	if o.Lease == 0 {
		o.Lease = leaseDefault
	}
	if o.AwayMax == 0 {
		o.AwayMax = awayDefault
	}
	if o.Hold == nil {
		o.Hold = func(bool) {}
	}
	r = &Run{o: o, id: rand.Text(), held: map[int]*Part{}, began: time.Now()}
	if r.conn, err = natsconn.Dial(o.URL, "run", o.Identity.Program, o.Log); err != nil {
		return nil, fmt.Errorf("shards: %w", err)
	}
	r.ctx, r.stop = context.WithCancel(context.Background())
	joining, cancel := context.WithTimeout(ctx, natsconn.ConnectTimeout)
	defer cancel()
	if err := r.prepare(joining); err != nil {
		r.stop()
		r.conn.Close()
		return nil, err
	}
	r.wg.Go(r.live)
	r.wg.Go(r.watch)
	return r, nil
}

// description is the bucket's, and has the version of what is in it.
const description = "myriad shards 1"

// prepare finds the run, or makes it.
func (r *Run) prepare(ctx context.Context) (err error) {
	bucket := r.conn.Name + "-" + r.o.Identity.Program
	if r.kv, err = r.conn.JS.KeyValue(ctx, bucket); errors.Is(err, jetstream.ErrBucketNotFound) {
		r.kv, err = r.conn.JS.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: bucket, Description: description, Storage: jetstream.FileStorage})
		if errors.Is(err, jetstream.ErrBucketExists) { // another was faster
			r.kv, err = r.conn.JS.KeyValue(ctx, bucket)
		}
	}
	if err != nil {
		return fmt.Errorf("shards: bucket %s: %w", bucket, err)
	}
	stream, err := r.conn.JS.Stream(ctx, "KV_"+bucket)
	if err != nil {
		return fmt.Errorf("shards: bucket %s: %w", bucket, err)
	}
	if is := stream.CachedInfo().Config.Description; is != description {
		return fmt.Errorf("shards: bucket %s: %w: it is of %q, this program writes %q; give the run another name", bucket, state.ErrRefused, is, description)
	}
	return r.agree(ctx, bucket)
}

// identity is the record of the run.
type identity struct {
	state.Identity
	Plan Plan `json:"plan"`
}

// agree makes sure that all do the same run, by the plan of the first.
func (r *Run) agree(ctx context.Context, bucket string) error {
	ours, err := json.Marshal(identity{r.o.Identity, r.o.Plan})
	if err != nil {
		return fmt.Errorf("shards: encode: %w", err)
	}
	if _, err := r.kv.Create(ctx, "run", ours); err == nil {
		r.plan = r.o.Plan
		return nil
	} else if !natsconn.IsConflict(err) {
		return fmt.Errorf("shards: bucket %s: %w", bucket, err)
	}
	entry, err := r.kv.Get(ctx, "run")
	if err != nil {
		return fmt.Errorf("shards: bucket %s: %w", bucket, err)
	}
	var theirs identity
	if err := json.Unmarshal(entry.Value(), &theirs); err != nil || theirs.Plan.Parts < 1 {
		return fmt.Errorf("shards: bucket %s: %w: its record is damaged, or none of ours; give the run another name", bucket, state.ErrRefused)
	}
	if reason := r.o.Identity.Differs(&theirs.Identity); reason != "" {
		return fmt.Errorf("shards: bucket %s: %w: %s; give the same, or the run another name", bucket, state.ErrRefused, reason)
	}
	r.plan = theirs.Plan
	return nil
}

// Plan is what the first process has decided.
func (r *Run) Plan() Plan { return r.plan }

// Hurry has calls end soon, whether the server is there or not: the run is to
// end.
func (r *Run) Hurry() { time.AfterFunc(hurryTime, r.stop) }

// Close gives the parts back that are not finished, and leaves.
func (r *Run) Close() {
	r.Hurry()
	for _, p := range r.parts() {
		_ = p.giveBack() // taken over after a lease otherwise
	}
	r.stop()
	r.wg.Wait()
	r.conn.Close()
}

// persist makes a call until the server answers it.
func (r *Run) persist(call func(context.Context) error) error {
	began := time.Now()
	limit, cancel := context.WithTimeout(r.ctx, r.o.AwayMax)
	defer cancel()
	for {
		ctx, done := context.WithTimeout(limit, callTimeout)
		err := call(ctx)
		done()
		if err == nil {
			r.signed.Store(int64(time.Since(r.began)))
		}
		if err == nil || natsconn.IsConflict(err) {
			return err
		}
		select { // also for what the server refuses: a full disk may have room again
		case <-time.After(natsconn.RetryPause):
		case <-limit.Done():
			return fmt.Errorf("shards: %w, for %v: %w", ErrAway, time.Since(began).Round(time.Second), err)
		}
	}
}
