package main

import (
	"strconv"
	"time"

	"myriad/examples/internal/scan"
	"myriad/examples/internal/schema"
)

// lines are what -out is made of.
var lines = schema.Schema{
	Name: "scan.targets", Version: 1,
	Doc: "One target: an address with a port, or a block that was left alone.",
	Fields: []schema.Field{
		{Name: "address", Type: schema.String, Always: true, Doc: "IPv4 address; of an excluded block the CIDR"},
		{Name: "port", Type: schema.Integer, Doc: "port, but for ICMP"},
		{Name: "protocol", Type: schema.String, Always: true, Words: []string{"tcp", "udp", "icmp"}, Doc: "what it was probed with"},
		{Name: "outcome", Type: schema.String, Always: true, Words: showWords[:len(showWords)-1], Doc: "what it came to; unsent: no probe left, so we could not look"},
		{Name: "reason", Type: schema.String, Always: true, Doc: "why: syn-ack, reply, refused, port unreachable, host unreachable, network unreachable, prohibited, unreachable, time exceeded, timed out, no neighbour, no gateway, no route; of an excluded block its name"},
		{Name: "attempts", Type: schema.Integer, Doc: "probes sent to it by then"},
		{Name: "us", Type: schema.Integer, Doc: "microseconds from the start of the scan to the outcome"},
		{Name: "ttl", Type: schema.Integer, Doc: "time to live of the answer's packet"},
		{Name: "canary", Type: schema.String, Words: []string{"quiet", "answers all"}, Doc: "what the host made of a probe to a port where nobody is expected; answers all: that the port is open says nothing"},
		{Name: "reply", Type: schema.String, Doc: "payload of a UDP answer, each byte as the character of its number"},
		{Name: "banner", Type: schema.String, Doc: "what a connection brought, each byte as the character of its number"},
		{Name: "banner_error", Type: schema.String, Doc: "why the connection brought no more"},
		{Name: "cut", Type: schema.Boolean, Doc: "true where banner or reply had more than is written"},
	},
}

// textMax is how many bytes of a line a banner or a reply may take: the rest of
// a page is the other fields'.
const textMax = 3500

// appendLine appends a result's line.
func appendLine(dst []byte, r *scan.Result, p scan.Protocol, began time.Duration) []byte {
	dst = append(dst, `{"address":"`...)
	dst = scan.Addr(r.Address).AppendTo(dst)
	dst = append(dst, '"')
	if p != scan.ICMP {
		dst = appendNumber(dst, "port", int64(r.Port))
	}
	dst = appendWord(dst, "protocol", p.String())
	dst = appendWord(dst, "outcome", r.Outcome.String())
	dst = appendWord(dst, "reason", r.Reason.String())
	if r.Attempts > 0 {
		dst = appendNumber(dst, "attempts", int64(r.Attempts))
	}
	dst = appendNumber(dst, "us", (r.At - began).Microseconds())
	if r.TTL > 0 {
		dst = appendNumber(dst, "ttl", int64(r.TTL))
	}
	if r.Canary != scan.CanaryNone {
		dst = appendWord(dst, "canary", r.Canary.String())
	}
	cut := false
	if r.Reply != nil {
		dst, cut = appendText(dst, "reply", r.Reply)
	}
	if b := r.Banner; b != nil {
		dst, cut = appendText(dst, "banner", b.Data)
		if cut = cut || b.Cut; b.Error != "" {
			dst = appendWord(dst, "banner_error", b.Error)
		}
	}
	if cut {
		dst = append(dst, `,"cut":true`...)
	}
	return append(dst, '}', '\n')
}

// appendExcluded appends an excluded block's line.
func appendExcluded(dst []byte, block, reason string, p scan.Protocol) []byte {
	dst = append(dst, `{"address":"`...)
	dst = append(dst, block...)
	dst = append(dst, '"')
	dst = appendWord(dst, "protocol", p.String())
	dst = appendWord(dst, "outcome", "excluded")
	dst, _ = appendText(dst, "reason", []byte(reason))
	return append(dst, '}', '\n')
}

func appendNumber(dst []byte, name string, n int64) []byte {
	return strconv.AppendInt(appendName(dst, name), n, 10)
}

// appendWord appends text that needs no escapes.
func appendWord(dst []byte, name, word string) []byte {
	dst = append(appendName(dst, name), '"')
	return append(append(dst, word...), '"')
}

func appendName(dst []byte, name string) []byte {
	dst = append(dst, ',', '"')
	return append(append(dst, name...), '"', ':')
}

// appendText appends bytes, each as the character of its number, as far as the
// line has room.
func appendText(dst []byte, name string, text []byte) (line []byte, cut bool) {
	const hex = "0123456789abcdef"
	dst = append(appendName(dst, name), '"')
	end := len(dst) + textMax
	for k, c := range text {
		switch {
		case len(dst) > end:
			return append(dst, '"'), k < len(text)
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c < ' ' || c == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case c < 0x80:
			dst = append(dst, c)
		default:
			dst = append(dst, 0xc0|c>>6, 0x80|c&0x3f)
		}
	}
	return append(dst, '"'), false
}
