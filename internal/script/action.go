package script

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"myriad/tcpclient"
)

var actionNames = map[string]bool{
	"open": true, "send": true, "close": true, "pause": true, "resume": true,
	"quiet": true, "jump": true, "count": true,
}

func checkAction(words []string) error {
	if !actionNames[words[0]] {
		return fmt.Errorf("no action %q", words[0])
	}
	return nil
}

var closeWays = map[string]tcpclient.CloseHow{
	"fin": tcpclient.Fin, "reset": tcpclient.Reset, "discard": tcpclient.FinDiscard,
}

// act does what the application is to do, on the worker's goroutine.
func (r *runner) act(w *tcpclient.Worker, words []string) error {
	words, want := cutResult(words)
	got, err := r.perform(w, words)
	if err != nil {
		return err
	}
	if want == "" && (strings.HasPrefix(got, "error: ") || strings.HasPrefix(got, "took ")) {
		return fmt.Errorf("%s: %s", words[0], got)
	}
	if want != "" && !strings.HasSuffix(got, " "+want) {
		return fmt.Errorf("%s: expected %s, got %s", words[0], want, got)
	}
	return nil
}

// cutResult takes `= RESULT` off the end.
func cutResult(words []string) (action []string, result string) {
	if n := len(words); n > 2 && words[n-2] == "=" {
		return words[:n-2], words[n-1]
	}
	return words, ""
}

// perform returns the result as a script names it.
func (r *runner) perform(w *tcpclient.Worker, words []string) (string, error) {
	switch words[0] {
	case "open":
		return r.open(w, words[1:])
	case "send":
		return r.send(w, words[1:])
	case "close":
		if len(words) != 2 || closeWays[words[1]] == 0 {
			return "", fmt.Errorf("close fin, reset or discard")
		}
		var errs [1]error
		w.Close([]tcpclient.Close{{Conn: r.conn, How: closeWays[words[1]]}}, errs[:])
		return outcome(errs[0]), nil
	case "pause":
		return outcome(w.Pause(r.conn)), nil
	case "resume":
		return outcome(w.Resume(r.conn)), nil
	}
	return "", fmt.Errorf("%s cannot be done here", words[0])
}

// outcome names an error by its sentinel.
func outcome(err error) string {
	if err == nil {
		return "all ok"
	}
	for name, known := range map[string]error{
		"closed": tcpclient.ErrClosed, "full": tcpclient.ErrFull, "invalid": tcpclient.ErrInvalid,
		"noroute": tcpclient.ErrNoRoute, "inuse": tcpclient.ErrInUse,
	} {
		if errors.Is(err, known) {
			return "error: " + name
		}
	}
	return "error: " + err.Error()
}

func (r *runner) open(w *tcpclient.Worker, words []string) (string, error) {
	o := openDefault()
	for k := 0; k < len(words); k++ {
		if words[k] == "separate" {
			o.Separate = true
			continue
		}
		if k+1 == len(words) {
			return "", fmt.Errorf("open: %q needs a value", words[k])
		}
		if err := r.openWord(&o, words[k], words[k+1]); err != nil {
			return "", err
		}
		k++
	}
	var result [1]tcpclient.Opened
	w.Open([]tcpclient.Open{o}, result[:])
	if result[0].Err == nil {
		r.conn, r.opened = result[0].Conn, true
		r.delivered, r.consumed = nil, 0
	}
	return outcome(result[0].Err), nil
}

func (r *runner) openWord(o *tcpclient.Open, name, value string) (err error) {
	switch name {
	case "timeout":
		o.Timeout, err = seconds(value)
	case "idle":
		o.Idle, err = seconds(value)
	case "to":
		o.Remote, err = netip.ParseAddrPort(value)
	case "from":
		o.Local, err = netip.ParseAddrPort(value)
	case "request":
		var data []byte
		if data, err = r.bytes(value, 0); err == nil {
			o.Request, err = r.world.client.Intern(data)
			r.said = data
		}
	default:
		err = fmt.Errorf("open: no word %q", name)
	}
	return err
}

// send is `send N`, `send "text"`, or the same with `request` behind it.
func (r *runner) send(w *tcpclient.Worker, words []string) (string, error) {
	if len(words) == 0 {
		return "", fmt.Errorf("send N or \"text\"")
	}
	data, err := r.bytes(words[0], len(r.said))
	if err != nil {
		return "", err
	}
	s := tcpclient.Send{Conn: r.conn, Data: data}
	if len(words) > 1 && words[1] == "request" {
		s.Data = nil
		if s.Request, err = r.world.client.Intern(data); err != nil {
			return "", err
		}
	}
	var result [1]tcpclient.Sent
	w.Send([]tcpclient.Send{s}, result[:])
	r.said = append(r.said, data[:result[0].Count]...)
	switch {
	case result[0].Err != nil:
		return outcome(result[0].Err), nil
	case result[0].Count < len(data):
		return fmt.Sprintf("took %d", result[0].Count), nil
	}
	return fmt.Sprintf("all %d", len(data)), nil
}

// bytes are quoted text, or so many bytes of the pattern, which tells by each
// byte where in the stream it belongs.
func (r *runner) bytes(word string, offset int) ([]byte, error) {
	if word[0] == '"' {
		return unquote(word)
	}
	n, err := number(word)
	if err != nil || n < 0 {
		return nil, fmt.Errorf("%q is neither a number of bytes nor text", word)
	}
	return pattern(offset+1, int(n)), nil
}

// pattern is the n bytes of the stream whose first has relative sequence
// number first.
func pattern(first, n int) []byte {
	b := make([]byte, n)
	for k := range b {
		at := first + k
		b[k] = byte(at ^ at>>8*31)
	}
	return b
}

// check handles the actions that concern the script's world and not the
// connection.
func (r *runner) check(words []string) (handled bool, err error) {
	switch words[0] {
	case "quiet":
		return true, nil
	case "jump":
		if len(words) != 2 {
			return true, fmt.Errorf("jump SECONDS")
		}
		d, err := seconds(words[1])
		if err != nil {
			return true, err
		}
		r.world.link.Clock().Advance(d)
		return true, r.world.settle()
	case "count":
		return true, r.count(words[1:])
	}
	return false, nil
}

// statsAge is how old Stats may be.
const statsAge = 6 * time.Millisecond

// count compares one of the client's counters.
func (r *runner) count(words []string) error {
	if len(words) != 2 {
		return fmt.Errorf("count NAME N")
	}
	want, err := number(words[1])
	if err != nil {
		return err
	}
	if err := r.world.run(r.clock()+statsAge, nil); err != nil {
		return err
	}
	stats := r.world.client.Stats()
	if got := stats.Drops[words[0]] + stats.Counters[words[0]]; got != uint64(want) {
		return fmt.Errorf("counter %s: expected %d, got %d (drops %v, counters %v)", words[0], want, got, stats.Drops, stats.Counters)
	}
	return nil
}
