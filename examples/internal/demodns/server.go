package demodns

import (
	"encoding/binary"
	"io"
	"net"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// server answers for the zones of one level.
type server struct {
	zones   map[string]*content
	maximum int // bytes over UDP
}

type content struct {
	origin string
	names  map[string][]Record
	cuts   map[string]bool // delegated
}

func newServer(zones []Zone, l Level) *server {
	s := &server{zones: map[string]*content{}, maximum: 1232}
	for _, z := range zones {
		if z.Level != l {
			continue
		}
		c := &content{z.Origin, map[string][]Record{}, map[string]bool{}}
		for _, r := range z.Records {
			c.names[r.Name] = append(c.names[r.Name], r)
			if r.Type == dnsmessage.TypeNS && r.Name != z.Origin {
				c.cuts[r.Name] = true
			}
		}
		s.zones[z.Origin] = c
	}
	return s
}

// up is the name without its first label.
func up(name string) string {
	if _, rest, _ := strings.Cut(name, "."); rest != "" {
		return rest
	}
	return "."
}

func (s *server) zone(name string) *content {
	for {
		if c := s.zones[name]; c != nil || name == "." {
			return c
		}
		name = up(name)
	}
}

// reply is what is answered to a question.
type reply struct {
	rcode             dnsmessage.RCode
	authoritative     bool
	answers, ns, glue []Record
}

func (s *server) reply(name string, kind dnsmessage.Type) (r reply) {
	c := s.zone(name)
	if c == nil {
		return reply{rcode: dnsmessage.RCodeRefused}
	}
	for links := 0; links < 8; links++ {
		for at := name; at != c.origin && at != "."; at = up(at) {
			if c.cuts[at] {
				return c.referral(r, at)
			}
		}
		r.authoritative = true
		records, exists := c.find(name)
		next := ""
		for _, rec := range records {
			if rec.Type == kind || rec.Type == dnsmessage.TypeCNAME {
				rec.Name = name
				r.answers = append(r.answers, rec)
				if rec.Type != kind {
					next = rec.Data
				}
			}
		}
		if !exists {
			r.rcode = dnsmessage.RCodeNameError
		}
		if next == "" && (len(r.answers) == 0 || !exists) {
			r.ns = c.names[c.origin][:1] // the SOA
		}
		if next == "" || s.zone(next) != c {
			return r
		}
		name = next
	}
	return r
}

func (c *content) find(name string) (records []Record, exists bool) {
	if records, exists = c.names[name]; exists {
		return records, true
	}
	if records, exists = c.names["*."+up(name)]; exists {
		return records, true
	}
	for known := range c.names {
		if strings.HasSuffix(known, "."+name) {
			return nil, true // with names below it
		}
	}
	return nil, false
}

func (c *content) referral(r reply, cut string) reply {
	for _, ns := range c.names[cut] {
		if ns.Type == dnsmessage.TypeNS {
			r.ns = append(r.ns, ns)
			r.glue = append(r.glue, c.names[ns.Data]...)
		}
	}
	return r
}

// answer makes the reply message to a query; at most limit bytes.
func (s *server) answer(query []byte, limit int) ([]byte, error) {
	var p dnsmessage.Parser
	h, err := p.Start(query)
	if err != nil {
		return nil, err
	}
	q, err := p.Question()
	if err != nil {
		return nil, err
	}
	r := s.reply(strings.ToLower(q.Name.String()), q.Type)
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: h.ID, Response: true, RCode: r.rcode, Authoritative: r.authoritative},
		Questions: []dnsmessage.Question{q},
	}
	m.Answers, m.Authorities, m.Additionals = resources(r.answers), resources(r.ns), resources(r.glue)
	b, err := m.Pack()
	if err == nil && len(b) > limit {
		m.Truncated, m.Answers, m.Authorities, m.Additionals = true, nil, nil, nil
		b, err = m.Pack()
	}
	return b, err
}

func resources(records []Record) (list []dnsmessage.Resource) {
	for _, r := range records {
		name, err := dnsmessage.NewName(r.Name)
		if body := body(r); body != nil && err == nil {
			h := dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: 300}
			list = append(list, dnsmessage.Resource{Header: h, Body: body})
		}
	}
	return list
}

func body(r Record) dnsmessage.ResourceBody {
	switch r.Type {
	case dnsmessage.TypeA:
		return &dnsmessage.AResource{A: [4]byte(net.ParseIP(r.Data).To4())}
	case dnsmessage.TypeNS:
		return &dnsmessage.NSResource{NS: dnsmessage.MustNewName(r.Data)}
	case dnsmessage.TypeCNAME:
		return &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(r.Data)}
	case dnsmessage.TypeTXT:
		return &dnsmessage.TXTResource{TXT: []string{strings.Trim(r.Data, `"`)}}
	case dnsmessage.TypeSOA:
		f := strings.Fields(r.Data)
		return &dnsmessage.SOAResource{NS: dnsmessage.MustNewName(f[0]), MBox: dnsmessage.MustNewName(f[1]), Serial: 1, Refresh: 3600,
			Retry: 600, Expire: 86400, MinTTL: 300}
	}
	return nil
}

// Serve answers for all levels, each at its addresses, until the process ends.
func (t Tree) Serve() error {
	zones := t.All()
	for l := range Levels {
		s := newServer(zones, l)
		for _, a := range t.Addrs(l) {
			packets, err := net.ListenPacket("udp4", a+":53")
			if err != nil {
				return err
			}
			streams, err := net.Listen("tcp4", a+":53")
			if err != nil {
				return err
			}
			go s.servePackets(packets)
			go s.serveStreams(streams)
		}
	}
	return nil
}

func (s *server) servePackets(c net.PacketConn) {
	var buffer [1500]byte
	for {
		n, from, err := c.ReadFrom(buffer[:])
		if err != nil {
			return
		}
		if b, err := s.answer(buffer[:n], s.maximum); err == nil {
			_, _ = c.WriteTo(b, from)
		}
	}
}

func (s *server) serveStreams(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go s.serveStream(c)
	}
}

func (s *server) serveStream(c net.Conn) {
	defer c.Close()
	for {
		var length [2]byte
		if _, err := io.ReadFull(c, length[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(c, query); err != nil {
			return
		}
		b, err := s.answer(query, 65535)
		if err != nil {
			return
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)); err != nil {
			return
		}
	}
}
