package iterate

import (
	"fmt"
	"strings"
)

// Names are text with the final dot, in lower case; "." is the root.

// ParseName reads a name as people write it, with or without the final dot.
func ParseName(text string) (string, error) {
	if text == "." {
		return text, nil
	}
	name := strings.ToLower(strings.TrimSuffix(text, "."))
	if len(name) == 0 || len(name) > 253 {
		return "", fmt.Errorf("%q: a name has 1 to 253 characters", text)
	}
	for label := range strings.SplitSeq(name, ".") {
		if len(label) == 0 || len(label) > 63 {
			return "", fmt.Errorf("%q: a label has 1 to 63 characters", text)
		}
	}
	for i := range len(name) {
		if name[i] <= ' ' || name[i] > '~' || name[i] == '\\' {
			return "", fmt.Errorf("%q: give international names in their ASCII form (xn--…), without escapes", text)
		}
	}
	return name + ".", nil
}

// within reports whether name is zone or below it.
func within(name, zone string) bool {
	if zone == "." || name == zone {
		return true
	}
	cut := len(name) - len(zone)
	return cut > 0 && name[cut-1] == '.' && name[cut:] == zone
}

// parent is name without its first label.
func parent(name string) string {
	if k := strings.IndexByte(name, '.'); k >= 0 && k+1 < len(name) {
		return name[k+1:]
	}
	return "."
}

// childOf is the ancestor of name, or name itself, that is directly below
// zone, above which name must be.
func childOf(name, zone string) string {
	for {
		up := parent(name)
		if up == zone {
			return name
		}
		name = up
	}
}
