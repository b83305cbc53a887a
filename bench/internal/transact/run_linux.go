package transact

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"myriad/bench/internal/usage"
)

// Run measures a Case. When ctx ends the measurement is of the time until then.
func Run(ctx context.Context, c Case) (r Result, err error) {
	r = c.result()
	if c.Connections < 1 || c.Connections > ConnectionsMax || c.ReplyBytes < 1 || c.ReplyBytes > ReplyMax || c.Duration <= 0 {
		return r, fmt.Errorf("transact: Connections %d, ReplyBytes %d, Duration %v: 1 to %d, 1 to %d, above 0", c.Connections, c.ReplyBytes, c.Duration, ConnectionsMax, ReplyMax)
	}
	w, err := newWorld(&c)
	if err != nil {
		return r, fmt.Errorf("transact: %w", err)
	}
	defer func() { err = errors.Join(err, w.close()) }()
	switch {
	case c.TLS:
		err = w.runTLS(ctx, &c, &r)
	case c.Client == Kernel:
		err = w.runEpoll(ctx, &c, &r)
	default:
		err = w.runHandler(ctx, &c, &r)
	}
	if err != nil {
		return r, fmt.Errorf("transact: %s: %w", c.Client, err)
	}
	r.judge()
	return r, nil
}

// runEpoll measures the C client.
func (w *world) runEpoll(ctx context.Context, c *Case, r *Result) error {
	if err := w.serve(c); err != nil {
		return err
	}
	cmd, err := w.program(c, "client", server.Addr().String(), strconv.Itoa(int(server.Port())))
	if err != nil {
		return err
	}
	cmd.Args = append(cmd.Args, strconv.Itoa(c.Connections), strconv.FormatInt(c.Duration.Nanoseconds(), 10))
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := w.near.Start(cmd); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	o, err := w.listen(cmd.Process.Pid, pipe, r)
	if err == nil {
		err = cmd.Process.Kill() // it waits for that
	}
	ended := cmd.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		err = errors.Join(err, ended)
		return fmt.Errorf("the client in C: %w: %s", err, bytes.TrimSpace(complaints.Bytes()))
	}
	r.Seconds, r.Exchanges, r.Failed = float64(o.Nanoseconds)/1e9, o.Exchanges, o.Failed
	r.ExchangesPerSecond = float64(o.Exchanges) / r.Seconds
	r.P50Microseconds, r.P99Microseconds = o.P50/1e3, o.P99/1e3
	return nil
}

// counted is what the client in C says at the end.
type counted struct {
	Exchanges, Failed uint64
	Nanoseconds       int64
	P50, P99          float64
}

// listen follows a client in C: it says when it begins to count, and what it
// counted.
func (w *world) listen(pid int, pipe io.Reader, r *Result) (o counted, err error) {
	said := json.NewDecoder(pipe)
	if err := said.Decode(new(struct{})); err != nil {
		return o, err
	}
	m, err := w.start(func() (usage.CPU, error) { return usage.Of(pid) })
	if err != nil {
		return o, err
	}
	if err := said.Decode(&o); err != nil {
		return o, err
	}
	return o, m.stop(r, time.Duration(o.Nanoseconds))
}

// wait sleeps for the measurement's time, or less when it is interrupted, and
// returns how long it was.
func wait(ctx context.Context, d time.Duration) time.Duration {
	began, t := time.Now(), time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	return time.Since(began)
}
