package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"myriad/examples/internal/natsconn"
)

// PutResult keeps the result of a URL, a line of JSON without its end, unless
// there is one already: that of a process that died before it could say that
// the URL is finished.
func (c *Cluster) PutResult(u string, line []byte) error {
	if err := c.create(c.subject("results")+hashOf(u), line); !errors.Is(err, errExists) {
		return err
	}
	return nil
}

// Follow passes on the results of all processes, each once, in the one order
// that they have, leaving out the first skip, until take fails, the context
// ends, or, once ended is closed, there are no more.
func (c *Cluster) Follow(ctx context.Context, skip uint64, ended <-chan struct{}, take func(line []byte) error) error {
	for next := skip + 1; ; {
		last, err := c.lastResult(ctx)
		if err != nil {
			return err
		}
		if next > last {
			select {
			case <-ended:
				if last, err = c.lastResult(ctx); err == nil && next > last {
					return nil
				}
			case <-ctx.Done():
				return ctx.Err()
			default:
				if err := c.rest(ctx, ended); err != nil {
					return err
				}
			}
			continue
		}
		if next, err = c.followTo(ctx, next, last, take); err != nil {
			return err
		}
	}
}

// rest waits a moment, or for the end.
func (c *Cluster) rest(ctx context.Context, ended <-chan struct{}) error {
	pause, cancel := context.WithTimeout(ctx, natsconn.RetryPause)
	defer cancel()
	select {
	case <-pause.Done():
	case <-ended:
	}
	return ctx.Err()
}

func (c *Cluster) lastResult(ctx context.Context) (last uint64, err error) {
	err = c.persist(func(call context.Context) error {
		if ctx.Err() != nil {
			return errExists // the caller finds out
		}
		s, err := c.conn.JS.Stream(call, "KV_"+c.conn.Name+"-results")
		if err == nil {
			last = s.CachedInfo().State.LastSeq
		}
		return err
	})
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	return last, err
}

// followTo passes on the results from next to last, as far as it gets.
func (c *Cluster) followTo(ctx context.Context, next, last uint64, take func(line []byte) error) (uint64, error) {
	in, err := c.resultsFrom(ctx, next)
	if err != nil {
		return next, nil // again
	}
	stopped := context.AfterFunc(ctx, in.Stop)
	defer stopped()
	defer in.Stop()
	for next <= last {
		msg, err := in.Next(jetstream.NextMaxWait(callTimeout))
		if err != nil {
			return next, ctx.Err() // again, from where we are
		}
		meta, err := msg.Metadata()
		if err != nil || meta.Sequence.Stream < next {
			continue
		}
		if err := take(msg.Data()); err != nil {
			return next, fmt.Errorf("stream: results: %w", err)
		}
		next = meta.Sequence.Stream + 1
	}
	return next, nil
}

func (c *Cluster) resultsFrom(ctx context.Context, next uint64) (jetstream.MessagesContext, error) {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	ordered, err := c.conn.JS.OrderedConsumer(call, "KV_"+c.conn.Name+"-results", jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: next,
	})
	if err != nil {
		return nil, err
	}
	return ordered.Messages()
}
