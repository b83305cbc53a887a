package script

import (
	"fmt"
	"strings"
)

// icmpNames are the messages that lines name, with their type and code.
var icmpNames = map[string][2]uint8{
	"net": {3, 0}, "host": {3, 1}, "protocol": {3, 2}, "port": {3, 3}, "fragneeded": {3, 4},
	"sourceroute": {3, 5}, "admin": {3, 13}, "sourcequench": {4, 0}, "redirect": {5, 0},
	"timeexceeded": {11, 0}, "parameterproblem": {12, 0}, "echo": {8, 0}, "echoreply": {0, 0},
}

// parseICMP reads [unreachable] NAME [mtu N] [FIRST:LAST(LENGTH)] …
func (p *packet) parseICMP(words []string) error {
	if len(words) > 0 && words[0] == "unreachable" {
		words = words[1:]
	}
	if len(words) == 0 {
		return fmt.Errorf("no ICMP message")
	}
	known, ok := icmpNames[words[0]]
	if !ok {
		return fmt.Errorf("no ICMP message %q", words[0])
	}
	p.icmp = &icmp{kind: known[0], code: known[1]}
	var rest []string
	for k := 1; k < len(words); k++ {
		w := words[k]
		switch {
		case w == "mtu" && k+1 < len(words):
			k++
			n, err := number(words[k])
			if err != nil {
				return err
			}
			p.icmp.mtu = int(n)
		case strings.HasPrefix(w, "["):
			first, _, err := parseRange(w[1 : len(w)-1])
			if err != nil {
				return err
			}
			p.icmp.seq = first
		default:
			rest = append(rest, w)
		}
	}
	return p.parseRest(rest)
}
