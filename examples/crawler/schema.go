package main

import (
	"myriad/examples/internal/gnucrawl"
	"myriad/examples/internal/schema"
)

var pagesSchema = schema.Schema{
	Name: "crawler.pages", Version: 1,
	Doc: "What became of a URL, a line each. Fields that are missing did not happen.",
	Fields: []schema.Field{
		{Name: "url", Type: schema.String, Always: true, Doc: "normalised"},
		{Name: "start", Type: schema.String, Always: true, Doc: "RFC 3339"},
		{Name: "address", Type: schema.String, Doc: "the host's, IPv4"},
		{Name: "status", Type: schema.Integer, Doc: "of the reply"},
		{Name: "content_type", Type: schema.String, Doc: "of the reply"},
		{Name: "bytes", Type: schema.Integer, Always: true, Doc: "of the body"},
		{Name: "digest", Type: schema.String, Doc: "of the body as it was sent, if it came whole"},
		{Name: "protocol", Type: schema.String, Doc: "such as HTTP/1.1"},
		{Name: "links", Type: schema.Integer, Always: true, Doc: "to web addresses, each once"},
		{Name: "depth", Type: schema.Integer, Always: true, Doc: "links from a seed"},
		{Name: "location", Type: schema.String, Doc: "of a redirect"},
		{Name: "attempts", Type: schema.Integer, Always: true, Doc: "to fetch it: more than one where a connection that was kept had ended; 0 where it was not asked for, as its name has no address, or robots.txt forbids it"},
		{Name: "reused", Type: schema.Boolean, Doc: "the connection was kept from the page before"},
		{Name: "connect_us", Type: schema.Integer, Doc: "the handshake, microseconds"},
		{Name: "first_byte_us", Type: schema.Integer, Doc: "from the start to the reply's first byte, microseconds"},
		{Name: "last_byte_us", Type: schema.Integer, Doc: "from the start to its last, microseconds"},
		{Name: "error", Type: schema.String, Doc: "why there is no page, in a few words that are always the same"},
		{Name: "detail", Type: schema.String, Doc: "the same in full"},
	},
}

var nodesSchema = schema.Schema{
	Name: "crawler.nodes", Version: 1,
	Doc: "-protocol gnutella: a line per node that was contacted, and at the end per node that was named as a leaf only. Spaces may stand at the end of a line.",
	Fields: []schema.Field{
		{Name: "address", Type: schema.String, Always: true, Doc: "IPv4 and port"},
		{Name: "kind", Type: schema.String, Always: true, Words: []string{"ultrapeer", "leaf", "unknown"}, Doc: "leaf: it answered and named no leaves, or was named as one only; unknown: it did not answer 200"},
		{Name: "status", Type: schema.Integer, Doc: "of its reply"},
		{Name: "user_agent", Type: schema.String, Doc: "what it says it is"},
		{Name: "live_since", Type: schema.String, Doc: "RFC 3339"},
		{Name: "uptime_s", Type: schema.Integer, Doc: "seconds, at the start of the snapshot"},
		{Name: "peers", Type: schema.Integer, Doc: "ultrapeers that it named: its degree"},
		{Name: "leaves", Type: schema.Integer, Doc: "leaves that it named"},
		{Name: "bad_entries", Type: schema.Integer, Doc: "of what it named, how many are no address of a host, and left out; where there are any"},
		{Name: "names_itself", Type: schema.Boolean, Doc: "as a neighbour; that counts among peers or leaves"},
		{Name: "rtt_us", Type: schema.Integer, Doc: "of the last handshake, microseconds"},
		{Name: "attempts", Type: schema.Integer, Doc: "at it; none of a node that is left alone"},
		{Name: "error", Type: schema.String, Words: gnucrawl.Reasons(), Doc: "why there is no answer"},
		{Name: "detail", Type: schema.String, Doc: "the servent's words"},
		{Name: "parents", Type: schema.Integer, Doc: "of a node named as a leaf only: how often"},
	},
}
