package script

import (
	"fmt"
	"os"
	"strings"
	"time"

	"myriad/iobackend/pcapfile"
)

// Failure says where and why a script failed.
type Failure struct {
	Script  string
	Line    int    // 0: at the end
	Text    string // of the line
	Problem error
	Trace   []string // what happened so far, in the script's notation
	Capture string   // a pcap file of it; "" if it could not be written
}

// Error is the whole story.
func (f *Failure) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "script: %s:%d: %s\n  expected: %s\n  the trace so far:\n", f.Script, f.Line, f.Problem, f.Text)
	for _, line := range f.Trace {
		fmt.Fprintf(&b, "    %s\n", line)
	}
	if f.Capture != "" {
		fmt.Fprintf(&b, "  capture: %s\n", f.Capture)
	}
	return b.String()
}

func (f *Failure) Unwrap() error { return f.Problem }

// traced is something that happened.
type traced struct {
	at      time.Duration
	ours    bool
	segment *segment
	frame   []byte
	text    string
}

func (r *runner) note(text string) {
	r.trace = append(r.trace, traced{at: r.now(), text: strings.TrimSpace(text)})
}

func (r *runner) failure(line int, problem error, dir string) *Failure {
	f := &Failure{Script: r.script.Name, Line: line, Text: "the end, and nothing more", Problem: problem}
	for _, s := range r.script.steps {
		if s.line == line {
			f.Text = s.text
		}
	}
	last, again := "", 0
	for _, t := range r.trace {
		text := t.text
		if t.segment != nil {
			text = map[bool]string{true: "> ", false: "< "}[t.ours] + r.bases.format(t.segment, t.ours)
		}
		text = formatInstant(t.at) + " " + text
		if again++; last == text {
			f.Trace[len(f.Trace)-1] = fmt.Sprintf("%s times %d", text, again)
			continue
		}
		f.Trace = append(f.Trace, text)
		last, again = text, 1
	}
	f.Capture = r.capture(dir)
	return f
}

// capture writes the frames so far; "" when it cannot.
func (r *runner) capture(dir string) string {
	file, err := os.CreateTemp(dir, r.script.Name+"-*.pcap")
	if err != nil {
		return ""
	}
	defer file.Close()
	w, err := pcapfile.NewWriter(file, pcapfile.Options{})
	if err != nil {
		return ""
	}
	for _, t := range r.trace {
		if t.frame != nil {
			_ = w.WriteFrame(time.Unix(0, 0).Add(t.at), t.frame) // Close tells
		}
	}
	if w.Close() != nil {
		return ""
	}
	return file.Name()
}
