package schema

import (
	"bytes"
	"fmt"
	"strings"
)

// Selection is a choice of fields. Nil is all.
type Selection struct{ names map[string]bool }

// Select chooses fields of a schema by names with commas between; none is all.
// Errors name what there is to choose from.
func (s *Schema) Select(list string) (*Selection, error) {
	if list == "" {
		return nil, nil
	}
	var all []string
	known := map[string]bool{}
	for i := range s.Fields {
		all = append(all, s.Fields[i].Name)
		known[s.Fields[i].Name] = true
	}
	chosen := &Selection{names: map[string]bool{}}
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); !known[name] {
			return nil, fmt.Errorf("-fields %s: there is no field %q in %s; there are %s", list, name, s.ID(), strings.Join(all, ", "))
		}
		chosen.names[name] = true
	}
	return chosen, nil
}

// Append appends lines, each a JSON object with its line break, to dst with
// only the chosen fields, in their own order, and without spaces at the end.
// What is no object is left out: the programs write none.
func (c *Selection) Append(dst, lines []byte) []byte {
	for line := range bytes.Lines(lines) {
		at := bytes.IndexByte(line, '{')
		if at < 0 {
			continue
		}
		dst = append(c.fields(append(dst, '{'), line[at+1:]), '}', '\n')
	}
	return dst
}

// fields appends the chosen members of an object whose brace is behind us.
func (c *Selection) fields(dst, rest []byte) []byte {
	first := true
	for {
		rest = bytes.TrimLeft(rest, " ,\t\n")
		if len(rest) == 0 || rest[0] != '"' {
			return dst
		}
		end := value(rest)
		colon := bytes.IndexByte(rest[end:], ':')
		if end < 2 || colon < 0 {
			return dst
		}
		name, from := rest[1:end-1], end+colon+1
		for from < len(rest) && rest[from] == ' ' {
			from++
		}
		to := from + value(rest[from:])
		if c.names[string(name)] {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = append(dst, rest[:to]...)
		}
		if to == from {
			return dst
		}
		rest = rest[to:]
	}
}

// value is the length of the JSON value that b begins with: to the comma or
// brace that ends it, or for a string behind its quote.
func value(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return min(i+1, len(b))
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', '\n':
			if depth == 0 {
				return i
			}
		}
	}
	return len(b)
}
