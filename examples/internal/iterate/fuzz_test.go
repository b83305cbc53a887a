package iterate

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"myriad/internal/bounded"
)

// dealer makes the replies of all servers from a string of bytes: any records
// about a few names that lead to each other, in any section.
type dealer struct{ input []byte }

func (d *dealer) byte() byte {
	if len(d.input) == 0 {
		return 0
	}
	b := d.input[0]
	d.input = d.input[1:]
	return b
}

var (
	dealtNames = []string{".", "test.", "zone.test.", "www.zone.test.", "ns1.zone.test.", "ns.test.", "other.", "x.other."}
	dealtAddrs = [][]byte{{10, 0, 0, 1}, {10, 0, 1, 1}, {10, 0, 2, 1}, {10, 0, 2, 2}, {127, 0, 0, 1}, {224, 0, 0, 1}}
)

func (d *dealer) name() string { return dealtNames[int(d.byte())%len(dealtNames)] }

func (d *dealer) records() (list []dnsmessage.Resource) {
	for range d.byte() % 5 {
		switch d.byte() % 5 {
		case 0, 1:
			list = append(list, aRecord(d.name(), dealtAddrs[int(d.byte())%len(dealtAddrs)]...))
		case 2:
			list = append(list, nsRecord(d.name(), d.name()))
		case 3:
			list = append(list, cnameRecord(d.name(), d.name()))
		case 4:
			list = append(list, soaRecord(d.name()))
		}
	}
	return list
}

// reply is one server's; nil is silence.
func (d *dealer) reply(*dnsmessage.Message, bool) *dnsmessage.Message {
	b := d.byte()
	if b == 0xff {
		return nil
	}
	m := &dnsmessage.Message{Header: dnsmessage.Header{Authoritative: b&1 != 0, Truncated: b&6 == 6}}
	if b&0x18 == 0x18 {
		m.RCode = dnsmessage.RCode(d.byte() % 6)
	}
	m.Answers, m.Authorities, m.Additionals = d.records(), d.records(), d.records()
	return m
}

// FuzzWalk: whatever the servers say, each name comes to one end within its
// requests, and nothing is left of it.
func FuzzWalk(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 0, 1, 2, 1, 5, 1, 0, 5, 1, 0, 0, 1, 2, 2, 4, 1, 0, 4, 2, 1, 1, 0, 3, 2, 0, 0})
	f.Add([]byte{1, 1, 3, 3, 4, 0, 0, 1, 1, 3, 4, 3, 0, 0})             // CNAMEs in a circle
	f.Add([]byte{0, 0, 1, 2, 1, 7, 0, 0, 0, 1, 2, 6, 5, 0, 0, 0, 1, 2}) // servers without addresses
	f.Add([]byte{0xff, 6, 0, 0, 0, 0x18, 2, 0, 0, 0, 0x19, 3, 0, 1, 4, 2, 0})
	f.Fuzz(func(t *testing.T, input []byte) {
		bounded.Input(t, 64<<20, func() {
			w := newWorld(t)
			d := &dealer{input}
			for _, address := range []string{root, tld, leaf1, leaf2} {
				w.servers[address] = d.reply
			}
			w.rewrite = func(b []byte) []byte {
				if at := int(d.byte()); at > 0 && at < len(b) {
					b[at] = d.byte()
				}
				return b
			}
			names := []string{"www.zone.test.", "zone.test.", "x.other."}
			w.resolve(names...)
			require.Len(t, w.got, len(names))
			require.LessOrEqual(t, len(w.asked), len(names)*w.cfg.QueriesPerName)
		})
	})
}

// FuzzNames: a name that is taken is one that can be asked for, and hints hold
// such names alone.
func FuzzNames(f *testing.F) {
	f.Add("WWW.Example.COM")
	f.Add(". 3600000 NS a.root-servers.net.\na.root-servers.net. 3600000 A 198.41.0.4 ; a comment\n")
	f.Add(strings.Repeat("a.", 126) + "a")
	f.Fuzz(func(t *testing.T, text string) {
		bounded.Input(t, 64<<20, func() {
			if name, err := ParseName(text); err == nil {
				again, err := ParseName(name)
				require.NoError(t, err)
				require.Equal(t, name, again)
				_, err = dnsmessage.NewName(name)
				require.NoError(t, err)
			}
			hosts, err := ReadHints(strings.NewReader(text))
			require.Equal(t, err == nil, len(hosts) > 0)
			for _, h := range hosts {
				require.True(t, h.Addr.Is4())
				require.True(t, strings.HasSuffix(h.Name, "."))
			}
		})
	})
}
