// Package progress shows how far a crawl is, in one line of a terminal.
//
// On anything but a terminal it shows nothing. It uses one goroutine of its
// own, between Start and Stop.
package progress

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// State is what is shown.
type State struct {
	Done, Known int // URLs finished, and found so far
	Connections int // open now
	Failures    map[string]int
}

// interval is the time between two pictures.
const interval = 200 * time.Millisecond

// Bar is a progress line.
type Bar struct {
	out  *os.File
	read func() State
	bar  *progressbar.ProgressBar
	view bytes.Buffer // what the bar has drawn
	stop chan struct{}
	done chan struct{}
}

// Terminal reports whether a file is a terminal.
func Terminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// Start shows what read returns, again and again, until Stop. It returns nil,
// on which Stop may be called, when out is no terminal.
func Start(out *os.File, read func() State) *Bar {
	if !Terminal(out) {
		return nil
	}
	b := &Bar{out: out, read: read, stop: make(chan struct{}), done: make(chan struct{})}
	b.bar = progressbar.NewOptions(1,
		progressbar.OptionSetWriter(&b.view),
		progressbar.OptionSetWidth(12),
		progressbar.OptionShowCount(),
		progressbar.OptionShowIts(),
		progressbar.OptionSetItsString("pages"),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionShowDescriptionAtLineEnd(),
		progressbar.OptionUseANSICodes(true),
		progressbar.OptionClearOnFinish(),
	)
	go b.run()
	return b
}

// Stop clears the line.
func (b *Bar) Stop() {
	if b == nil {
		return
	}
	close(b.stop)
	<-b.done
	b.view.Reset()
	_ = b.bar.Clear()
	_, _ = b.out.Write(b.view.Bytes())
}

func (b *Bar) run() {
	defer close(b.done)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			b.show(b.read())
		case <-b.stop:
			return
		}
	}
}

func (b *Bar) show(s State) {
	width, _, err := term.GetSize(int(b.out.Fd()))
	if err != nil || width <= 0 {
		width = 80
	}
	// One more than is known: a bar that is full is finished for good, but a
	// page in hand may still lead to others.
	b.bar.ChangeMax(max(s.Known, s.Done) + 1)
	_ = b.bar.Set(s.Done)
	b.view.Reset() // each of the three draws; the last one has it all
	b.bar.Describe(Describe(s, width-barColumns))
	_, _ = b.out.Write(b.view.Bytes())
}

// barColumns is what the bar takes by itself: percentage, bar, count, rate and
// times.
const barColumns = 76

// Describe words connections and failures, the most frequent first, in at most
// width columns.
func Describe(s State, width int) string {
	text := fmt.Sprintf("%d connections", s.Connections)
	reasons := make([]string, 0, len(s.Failures))
	for reason := range s.Failures {
		reasons = append(reasons, reason)
	}
	slices.SortFunc(reasons, func(a, b string) int {
		return cmp.Or(cmp.Compare(s.Failures[b], s.Failures[a]), strings.Compare(a, b))
	})
	for _, reason := range reasons {
		text += fmt.Sprintf(", %d %s", s.Failures[reason], reason)
	}
	if len(text) > width {
		return text[:max(width, 0)]
	}
	return text
}
