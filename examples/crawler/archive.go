package main

import (
	"fmt"

	"myriad/examples/internal/fetch"
	"myriad/examples/internal/frontier"
	"myriad/examples/internal/program"
	"myriad/examples/internal/warc"
)

// archiver writes what was exchanged to the folder of -warc, if there is one.
func (s *session) archiver() func(*frontier.Task, *fetch.Reply, error) error {
	if s.archive == nil {
		return nil
	}
	return func(t *frontier.Task, r *fetch.Reply, err error) error {
		err = s.archive.Write(&warc.Exchange{
			URL: t.URL, At: r.Timing.Start, Address: t.Addr, Proto: r.Proto, Request: r.Request,
			Status: r.Status, Header: r.Header, Body: r.Raw, Truncated: truncated(err),
		})
		if err != nil {
			err = program.Fail(program.WriteFailed, fmt.Errorf("-warc: %w", err))
		}
		return err
	}
}

// truncated is WARC's word for why a body is not whole.
func truncated(err error) string {
	switch fetch.Reason(err) {
	case "", fetch.BadEncoding: // it is whole, only packed wrong
		return ""
	case fetch.TooLarge, fetch.Bomb, fetch.NoMemory:
		return "length"
	case fetch.DeadlineExceeded:
		return "time"
	}
	return "disconnect"
}
