package script

import (
	"fmt"
	"strings"
	"time"

	"myriad/tcpclient"
)

// event is what the application was told.
type event struct {
	at     time.Duration
	name   string
	reason string
}

var eventNames = map[tcpclient.EventKind]string{
	tcpclient.Connected: "connected", tcpclient.Data: "data", tcpclient.EndOfStream: "eof",
	tcpclient.Writable: "writable", tcpclient.Closed: "closed", tcpclient.Failed: "failed",
}

// optional events may go unmentioned.
var optional = map[string]bool{"connected": true, "writable": true}

func checkEvent(words []string) error {
	if len(words) == 0 {
		return fmt.Errorf("* EVENT")
	}
	if words[0] == "data" && len(words) == 2 || words[0] == "nothing" && len(words) == 1 || words[0] == "failed" {
		return nil
	}
	for _, name := range eventNames {
		if name == words[0] && name != "data" && len(words) == 1 {
			return nil
		}
	}
	return fmt.Errorf("no event %q", strings.Join(words, " "))
}

// hear is the application: it remembers, and does what `on` lines said.
func (r *runner) hear(w *tcpclient.Worker, events []tcpclient.Event) {
	for k := range events {
		e := &events[k]
		if e.Conn != r.conn {
			r.strange = fmt.Errorf("event %s of a connection that has ended", eventNames[e.Kind])
			continue
		}
		name := eventNames[e.Kind]
		r.note(fmt.Sprintf("* %s %s", name, eventDetail(e)))
		if e.Kind == tcpclient.Data {
			r.delivered = append(r.delivered, e.Data...)
		} else {
			r.events = append(r.events, event{at: r.now(), name: name, reason: e.Reason.String()})
		}
		for _, a := range r.reactions {
			if a.event == name {
				if err := r.act(w, a.words); err != nil && r.strange == nil {
					r.strange = err
				}
			}
		}
	}
}

func eventDetail(e *tcpclient.Event) string {
	switch e.Kind {
	case tcpclient.Data:
		return fmt.Sprint(len(e.Data))
	case tcpclient.Failed:
		return e.Reason.String()
	}
	return ""
}

// expectEvent waits for an event until the step's instant.
func (r *runner) expectEvent(s *step, from, to time.Duration) error {
	words := s.words
	switch words[0] {
	case "data":
		return r.expectData(words[1], to)
	case "nothing":
		if err := r.run(to, nil); err != nil {
			return err
		}
		return r.noEvents()
	}
	if err := r.run(to+r.settings.Tolerance, func() bool { r.skip(words[0]); return len(r.events) > 0 }); err != nil {
		return err
	}
	if len(r.events) == 0 {
		return fmt.Errorf("no event came")
	}
	e := r.events[0]
	r.events = r.events[1:]
	switch {
	case e.name != words[0]:
		return fmt.Errorf("event %q came, not %q", e.name+" "+e.reason, strings.Join(words, " "))
	case len(words) > 1 && e.reason != strings.Join(words[1:], " "):
		return fmt.Errorf("it failed with %q, not %q", e.reason, strings.Join(words[1:], " "))
	case e.at < from-r.settings.Tolerance || e.at > to+r.settings.Tolerance:
		return fmt.Errorf("it came at %s", formatInstant(e.at))
	}
	return nil
}

// skip passes over events that need not be named, up to one of that name.
func (r *runner) skip(name string) {
	for len(r.events) > 0 && r.events[0].name != name && optional[r.events[0].name] {
		r.events = r.events[1:]
	}
}

// expectData compares what was delivered since the last such line.
func (r *runner) expectData(word string, to time.Duration) error {
	var text []byte
	count, err := number(word)
	if word[0] == '"' {
		if text, err = unquote(word); err == nil {
			count = int64(len(text))
		}
	}
	if err != nil {
		return err
	}
	if err := r.run(to, func() bool { return count > 0 && len(r.delivered)-r.consumed >= int(count) }); err != nil {
		return err
	}
	got := r.delivered[r.consumed:]
	r.consumed = len(r.delivered)
	if len(got) != int(count) {
		return fmt.Errorf("%d bytes were delivered, not %d", len(got), count)
	}
	if text != nil && string(text) != string(got) {
		return fmt.Errorf("delivered %q, not %q", got, text)
	}
	return nil
}

// noEvents: nothing is left that ought to have been named.
func (r *runner) noEvents() error {
	r.skip("")
	if len(r.events) > 0 {
		return fmt.Errorf("event %q came and no line names it", r.events[0].name+" "+r.events[0].reason)
	}
	return nil
}
