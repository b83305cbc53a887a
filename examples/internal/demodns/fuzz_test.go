package demodns

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"myriad/internal/bounded"
)

// FuzzAnswer: whatever is asked, the server is silent or answers with a message
// within the limit.
func FuzzAnswer(f *testing.F) {
	zones := Tree{TLDs: 2, Zones: 1, Names: 1}.All()
	var servers []*server
	for l := range Levels {
		servers = append(servers, newServer(zones, l))
	}
	for _, name := range []string{"n0.z0.t0.", "z0.t0.", ".", "many.odd.t0."} {
		for _, kind := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeNS, dnsmessage.TypeTXT} {
			q := dnsmessage.Message{Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}}}
			b, err := q.Pack()
			require.NoError(f, err)
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, query []byte) {
		bounded.Input(t, 64<<20, func() {
			for _, s := range servers {
				b, err := s.answer(query, 512)
				if err != nil {
					continue
				}
				require.LessOrEqual(t, len(b), 512)
				var m dnsmessage.Message
				require.NoError(t, m.Unpack(b))
				require.True(t, m.Response)
			}
		})
	})
}
