// Package progress shows how far a program is, in one line of a terminal.
//
// On anything but a terminal it shows nothing. It uses one goroutine of its
// own, between Start and Stop.
package progress

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// State is what is shown.
type State struct {
	Done, Known int // finished, and found so far
	Connections int // open now
	Failures    map[string]int
	Growing     bool // Known still grows: the time left is not known
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

	stopOnce sync.Once
	unit     string
	width    int // of the bar, in columns
	started  time.Time
	open     bool // no time left is shown
}

// Terminal reports whether a file is a terminal.
func Terminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// Start shows what read returns, again and again, until Stop. It returns nil,
// on which Stop may be called, when out is no terminal. unit is what is counted,
// in the plural.
func Start(out *os.File, unit string, read func() State) *Bar {
	if !Terminal(out) {
		return nil
	}
	b := &Bar{
		out: out, read: read, stop: make(chan struct{}), done: make(chan struct{}),
		unit: unit, width: barWide, started: time.Now(),
	}
	if b.columns() < columnsWide {
		b.width = barNarrow
	}
	b.bar = progressbar.NewOptions(1,
		progressbar.OptionSetWriter(&b.view),
		progressbar.OptionSetWidth(b.width),
		progressbar.OptionShowCount(),
		progressbar.OptionShowIts(),
		progressbar.OptionSetItsString(unit),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionSetElapsedTime(true), // also while there is no time left to be told
		progressbar.OptionShowDescriptionAtLineEnd(),
		progressbar.OptionUseANSICodes(true),
		progressbar.OptionClearOnFinish(),
	)
	b.bar.StartWithoutRender() // or the first rate is out of all reason
	go b.run()
	return b
}

// On a terminal of less than columnsWide columns the bar makes room for what
// has no other place.
const (
	columnsWide = 120
	barWide     = 12
	barNarrow   = 4
)

// columns is the width of the terminal.
func (b *Bar) columns() int {
	width, _, err := term.GetSize(int(b.out.Fd()))
	if err != nil || width <= 0 {
		return 80
	}
	return width
}

// Stop clears the line.
func (b *Bar) Stop() {
	if b == nil {
		return
	}
	b.stopOnce.Do(func() {
		close(b.stop)
		<-b.done
		b.view.Reset()
		_ = b.bar.Clear()
		_, _ = b.out.Write(b.view.Bytes())
	})
}

// Finish puts a last line in the place of the bar, which stays: how far it
// came, of all that was known.
func (b *Bar) Finish(s State) {
	if b == nil {
		return
	}
	b.Stop()
	_, _ = fmt.Fprintln(b.out, b.last(s, time.Since(b.started)))
}

// last is the last line.
func (b *Bar) last(s State, took time.Duration) string {
	share := 1.0
	if s.Done < s.Known {
		share = float64(s.Done) / float64(s.Known)
	}
	full := int(share * float64(b.width))
	line := fmt.Sprintf("%4d%% |%s%s| (%d/%d, %.0f %s/s) [%v] ", int(share*100), strings.Repeat("█", full),
		strings.Repeat(" ", b.width-full), s.Done, max(s.Known, s.Done), float64(s.Done)/took.Seconds(), b.unit, took.Round(time.Second))
	return line + Describe(s, b.columns()-utf8.RuneCountInString(line)-1)
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
	if open := s.Growing || s.Done >= s.Known; open != b.open {
		b.open = open // no time left is told: it is not known, or nothing is left
		progressbar.OptionSetPredictTime(!open)(b.bar)
	}
	// A bar that is full is finished for good, but a page in hand may still
	// lead to others.
	b.bar.ChangeMax(max(s.Known, s.Done+1))
	_ = b.bar.Set(s.Done)
	// Each call draws; the last one has it all.
	b.view.Reset()
	b.bar.Describe("")
	taken := utf8.RuneCount(escapes.ReplaceAll(b.view.Bytes(), nil))
	b.view.Reset()
	b.bar.Describe(Describe(s, b.columns()-taken-1))
	_, _ = b.out.Write(b.view.Bytes())
}

// escapes are what the bar draws that takes no column.
var escapes = regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]|\r`)

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
		text = strings.Replace(text, "connections", "conns", 1)
	}
	if len(text) > width {
		return text[:max(width, 0)]
	}
	return text
}
