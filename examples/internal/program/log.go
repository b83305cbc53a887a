package program

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"

	"myriad/examples/internal/progress"
	"myriad/examples/internal/redact"
)

// newLogger makes the logger that the options ask for: a line for people, or
// of JSON.
func newLogger(name string, out *os.File, o *Options) *slog.Logger {
	level := o.level()
	if o.Status == "json" {
		return slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level, ReplaceAttr: attribute}))
	}
	terminal := progress.Terminal(out)
	return slog.New(&plain{
		name: name, out: out, mu: new(sync.Mutex), level: level, terminal: terminal,
		color: terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
	})
}

// attribute is one of a line of JSON: without passwords, and with a name for
// Trace, for which slog has none.
func attribute(groups []string, a slog.Attr) slog.Attr {
	if level, ok := a.Value.Any().(slog.Level); ok && a.Key == slog.LevelKey && level == Trace {
		return slog.String(a.Key, "TRACE")
	}
	return redact.Attribute(groups, a)
}

// plain writes messages as "program: message (key: value)".
type plain struct {
	name            string
	out             io.Writer
	mu              *sync.Mutex
	level           slog.Level
	terminal, color bool
	attributes      []string
	group           string
}

// Enabled implements slog.Handler.
func (h *plain) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

// Handle implements slog.Handler.
func (h *plain) Handle(_ context.Context, r slog.Record) error {
	var b bytes.Buffer
	if h.terminal {
		b.WriteString("\r\x1b[K") // over the progress line
	}
	b.WriteString(h.name + ": " + h.colored(r.Level) + r.Message)
	all := h.attributes
	r.Attrs(func(a slog.Attr) bool { all = append(all[:len(all):len(all)], h.attribute(a)); return true })
	if len(all) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(all, ", "))
	}
	b.WriteByte('\n')
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.out, redact.Text(b.String()))
	return err
}

// colored is the word for the level, where there is one to be said.
func (h *plain) colored(l slog.Level) string {
	switch {
	case l >= slog.LevelError && h.color:
		return "\x1b[31merror:\x1b[0m "
	case l >= slog.LevelError:
		return ""
	case l >= slog.LevelWarn && h.color:
		return "\x1b[33mwarning:\x1b[0m "
	case l >= slog.LevelWarn:
		return "warning: "
	}
	return ""
}

func (h *plain) attribute(a slog.Attr) string {
	return h.group + a.Key + ": " + a.Value.Resolve().String()
}

// WithAttrs implements slog.Handler.
func (h *plain) WithAttrs(attributes []slog.Attr) slog.Handler {
	with := *h
	with.attributes = with.attributes[:len(with.attributes):len(with.attributes)]
	for _, a := range attributes {
		with.attributes = append(with.attributes, h.attribute(a))
	}
	return &with
}

// WithGroup implements slog.Handler.
func (h *plain) WithGroup(name string) slog.Handler {
	with := *h
	with.group += name + "."
	return &with
}
