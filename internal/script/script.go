package script

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"myriad/internal/wrap"
	"myriad/tcpclient"
)

// Script is a parsed script. It can be run any number of times.
type Script struct {
	// Name is the file's, without directory and ending.
	Name string
	// Settings are what the script asks of the client and the link.
	Settings Settings
	steps    []step
}

// Settings are what `set` lines change.
type Settings struct {
	Client tcpclient.Config
	// MTU of the link: 1,500.
	MTU int
	// ISN is the client's initial sequence number for an `open` at instant 0;
	// nil leaves it to the client.
	ISN *uint32
	// IRS is the peer's initial sequence number.
	IRS uint32
	// Clock is what the device's clock shows at instant 0: an hour. It is
	// moved on by up to 4.8 hours to reach ISN, since ISNs follow the clock.
	Clock time.Duration
	// Segments has the client's device cut long segments into frames; what is
	// on the wire is the same.
	Segments bool
	// Tolerance is how far an instant may be off: 2 ms, since timers count
	// milliseconds and are never early.
	Tolerance time.Duration
}

// verb says what a step does.
type verb uint8

const (
	_ verb = iota
	verbExpect
	verbInject
	verbEvent
	verbAction
)

// step is one line with an instant.
type step struct {
	line     int
	text     string
	verb     verb
	when     when
	packet   packet // verbExpect, verbInject
	join     bool   // verbInject: in one batch with the next
	words    []string
	reaction *reaction // of an `on` line
}

// reaction is an action that the application takes inside its event handler.
type reaction struct {
	event string
	words []string
}

// when is a step's instant, or a span of them.
type when struct {
	relative bool
	from, to time.Duration
}

// Load parses a file.
func Load(path string) (*Script, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("script: load: %w", err)
	}
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	return Parse(name, string(text))
}

// Parse parses the text of a script; its error names the line.
func Parse(name, text string) (*Script, error) {
	s := &Script{Name: name, Settings: defaultSettings()}
	for k, raw := range strings.Split(text, "\n") {
		line := strings.TrimSpace(cutComment(raw))
		if line == "" {
			continue
		}
		if err := s.parseLine(k+1, line); err != nil {
			return nil, fmt.Errorf("script: %s:%d: %q: %w", name, k+1, line, err)
		}
	}
	return s, nil
}

func defaultSettings() Settings {
	return Settings{MTU: 1500, IRS: 0x1000, Clock: wrap.Clock(time.Hour), Tolerance: 2 * time.Millisecond}
}

// cutComment removes what follows // or # outside of quotes.
func cutComment(line string) string {
	quoted := false
	for k := range len(line) {
		switch {
		case line[k] == '"':
			quoted = !quoted
		case quoted:
		case line[k] == '#', strings.HasPrefix(line[k:], "//"):
			return line[:k]
		}
	}
	return line
}

func (s *Script) parseLine(number int, line string) error {
	words, err := split(line)
	if err != nil {
		return err
	}
	if words[0] == "set" {
		if len(s.steps) > 0 {
			return fmt.Errorf("settings stand before the first step")
		}
		return s.Settings.set(words[1:])
	}
	st := step{line: number, text: line}
	if st.when, err = parseWhen(words[0]); err != nil {
		return err
	}
	if len(words) < 2 {
		return fmt.Errorf("an instant and nothing to do")
	}
	switch words[1] {
	case ">":
		st.verb = verbExpect
		err = st.packet.parse(words[2:])
	case "<":
		st.verb = verbInject
		rest := words[2:]
		if n := len(rest); n > 0 && rest[n-1] == "&" {
			st.join, rest = true, rest[:n-1]
		}
		err = st.packet.parse(rest)
	case "*":
		st.verb, st.words = verbEvent, words[2:]
		err = checkEvent(st.words)
	case "on":
		st.verb = verbAction
		if len(words) < 4 {
			return fmt.Errorf("on EVENT ACTION")
		}
		st.reaction = &reaction{event: words[2], words: words[3:]}
		err = checkAction(words[3:])
	default:
		st.verb, st.words = verbAction, words[1:]
		err = checkAction(st.words)
	}
	s.steps = append(s.steps, st)
	return err
}

// split cuts a line into words; quoted text, <options> and [quotes] are one
// word each, with their marks.
func split(line string) (words []string, err error) {
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		end := -1
		switch {
		case line[0] == '"':
			end = strings.IndexByte(line[1:], '"')
		case line[0] == '[':
			end = strings.IndexByte(line[1:], ']')
		case line[0] == '<' && len(line) > 1 && line[1] != ' ':
			end = strings.IndexByte(line[1:], '>')
		default:
			n := strings.IndexAny(line, " \t")
			if n < 0 {
				n = len(line)
			}
			words, line = append(words, line[:n]), line[n:]
			continue
		}
		if end < 0 {
			return nil, fmt.Errorf("%q does not end", line)
		}
		words, line = append(words, line[:end+2]), line[end+2:]
	}
	return words, nil
}

// parseWhen reads 0.5, +0.5, +0.5~+0.7 and 0.5~0.7.
func parseWhen(word string) (when, error) {
	first, second, span := strings.Cut(word, "~")
	w := when{relative: strings.HasPrefix(first, "+")}
	var err error
	if w.from, err = seconds(strings.TrimPrefix(first, "+")); err != nil {
		return w, fmt.Errorf("instant %q: %w", word, err)
	}
	w.to = w.from
	if span {
		if w.to, err = seconds(strings.TrimPrefix(second, "+")); err != nil {
			return w, fmt.Errorf("instant %q: %w", word, err)
		}
	}
	if w.to < w.from {
		return w, fmt.Errorf("instant %q ends before it begins", word)
	}
	return w, nil
}

// seconds reads a number of seconds, exactly; d, h, m and ms may follow.
func seconds(word string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(word, "d"); ok {
		d, err := time.ParseDuration(days + "h")
		return 24 * d, err
	}
	if last := word[max(len(word)-1, 0):]; last >= "0" && last <= "9" {
		word += "s"
	}
	return time.ParseDuration(word)
}
