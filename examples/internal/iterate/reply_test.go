package iterate

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"myriad/internal/bounded"
)

func name(text string) dnsmessage.Name { return dnsmessage.MustNewName(text) }

func header(n string, kind dnsmessage.Type) dnsmessage.ResourceHeader {
	return dnsmessage.ResourceHeader{Name: name(n), Type: kind, Class: dnsmessage.ClassINET, TTL: 60}
}

func aRecord(n string, a ...byte) dnsmessage.Resource {
	return dnsmessage.Resource{Header: header(n, typeA), Body: &dnsmessage.AResource{A: [4]byte(a)}}
}

func nsRecord(n, target string) dnsmessage.Resource {
	return dnsmessage.Resource{Header: header(n, dnsmessage.TypeNS), Body: &dnsmessage.NSResource{NS: name(target)}}
}

func cnameRecord(n, target string) dnsmessage.Resource {
	return dnsmessage.Resource{Header: header(n, dnsmessage.TypeCNAME), Body: &dnsmessage.CNAMEResource{CNAME: name(target)}}
}

func soaRecord(n string) dnsmessage.Resource {
	return dnsmessage.Resource{Header: header(n, dnsmessage.TypeSOA), Body: &dnsmessage.SOAResource{NS: name(n), MBox: name(n)}}
}

func pack(t testing.TB, m dnsmessage.Message) []byte {
	b, err := m.Pack()
	require.NoError(t, err)
	return b
}

func TestReadRefusesWhatIsNotOurs(t *testing.T) {
	sent := name("wWw.Test.")
	good := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 5, Response: true, Authoritative: true},
		Questions: []dnsmessage.Question{{Name: sent, Type: typeA, Class: dnsmessage.ClassINET}},
		Answers:   []dnsmessage.Resource{aRecord("wWw.Test.", 1, 2, 3, 4)},
	}
	var r reply
	require.NoError(t, r.read(pack(t, good), 5, &sent, typeA))
	require.Equal(t, "www.test.", r.string(r.answers[0].name), "in lower case")
	require.Equal(t, "1.2.3.4", r.string(r.answers[0].data))

	for what, spoil := range map[string]func(*dnsmessage.Message){
		"id":           func(m *dnsmessage.Message) { m.ID = 6 },
		"a query":      func(m *dnsmessage.Message) { m.Response = false },
		"type":         func(m *dnsmessage.Message) { m.Questions[0].Type = dnsmessage.TypeNS },
		"class":        func(m *dnsmessage.Message) { m.Questions[0].Class = dnsmessage.ClassCHAOS },
		"name":         func(m *dnsmessage.Message) { m.Questions[0].Name = name("wWx.Test.") },
		"no question":  func(m *dnsmessage.Message) { m.Questions = nil },
		"one too many": func(m *dnsmessage.Message) { m.Questions = append(m.Questions, m.Questions[0]) },
	} {
		bad := good
		bad.Questions = append([]dnsmessage.Question(nil), good.Questions...)
		spoil(&bad)
		require.Error(t, r.read(pack(t, bad), 5, &sent, typeA), what)
	}
	lowered := good
	lowered.Questions = []dnsmessage.Question{{Name: name("www.test."), Type: typeA, Class: dnsmessage.ClassINET}}
	require.ErrorIs(t, r.read(pack(t, lowered), 5, &sent, typeA), errCase)
	for cut := range pack(t, good) {
		require.Error(t, r.read(pack(t, good)[:cut], 5, &sent, typeA), "cut at %d", cut)
	}
}

func TestQueryMixesCaseAndAnnouncesEDNS(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	seen := map[string]bool{}
	for range 50 {
		var sent dnsmessage.Name
		b, err := appendQuery(nil, Question{"some.long-name.test.", typeA}, 9, true, random, &sent)
		require.NoError(t, err)
		var m dnsmessage.Message
		require.NoError(t, m.Unpack(b))
		require.Equal(t, sent, m.Questions[0].Name)
		require.Equal(t, "some.long-name.test.", strings.ToLower(sent.String()))
		require.False(t, m.RecursionDesired)
		require.EqualValues(t, ednsBytes, m.Additionals[0].Header.Class)
		seen[sent.String()] = true
	}
	require.Greater(t, len(seen), 45)
}

// FuzzReply reads anything: no panic, no pointers that loop, bounded text, and
// the same again the second time.
func FuzzReply(f *testing.F) {
	sent := name("wWw.Test.")
	m := dnsmessage.Message{
		Header:      dnsmessage.Header{ID: 5, Response: true, Authoritative: true},
		Questions:   []dnsmessage.Question{{Name: sent, Type: typeA, Class: dnsmessage.ClassINET}},
		Answers:     []dnsmessage.Resource{cnameRecord("www.test.", "x.test."), aRecord("x.test.", 1, 2, 3, 4)},
		Authorities: []dnsmessage.Resource{nsRecord("sub.test.", "ns.sub.test."), soaRecord("test.")},
		Additionals: []dnsmessage.Resource{aRecord("ns.sub.test.", 1, 2, 3, 5)},
	}
	f.Add(pack(f, m))
	m.Answers = []dnsmessage.Resource{{Header: header("www.test.", dnsmessage.TypeTXT), Body: &dnsmessage.TXTResource{TXT: []string{"a\"\\\x00", ""}}},
		{Header: header("www.test.", dnsmessage.TypeMX), Body: &dnsmessage.MXResource{Pref: 1, MX: name("mx.test.")}},
		{Header: header("www.test.", 257), Body: &dnsmessage.UnknownResource{Type: 257, Data: []byte{1, 2}}}}
	f.Add(pack(f, m))
	// A name that points at itself.
	f.Add(append(pack(f, dnsmessage.Message{Header: m.Header, Questions: m.Questions})[:0:0],
		0, 5, 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0, 3, 'w', 'W', 'w', 4, 'T', 'e', 's', 't', 0, 0, 1, 0, 1, 0xc0, 26, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		bounded.Input(t, 64<<20, func() {
			var r, again reply
			err := r.read(b, 5, &sent, typeA)
			require.Equal(t, err == nil, again.read(b, 5, &sent, typeA) == nil)
			if err != nil {
				return
			}
			require.Equal(t, r.text, again.text)
			require.LessOrEqual(t, len(r.answers)+len(r.authority)+len(r.glue), 3*recordsMax)
			for _, c := range r.text {
				require.True(t, ' ' <= c && c <= '~', "printable: %q", r.text)
			}
			task := &task{}
			for k := range r.answers {
				task.add(&r, &r.answers[k])
			}
			result := Result{Question: Question{"www.test.", typeA}, elements: task.elements, ends: task.ends}
			requireLines(t, result.AppendLines(nil, 4096), 4096)
		})
	})
}
