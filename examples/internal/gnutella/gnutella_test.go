package gnutella

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/bounded"
)

// gtk is a reply as gtk-gnutella gives it.
const gtk = "GNUTELLA/0.6 200 OK\r\n" +
	"User-Agent: gtk-gnutella/1.2.3-14-ga331a (2024-03-03; Topless; Linux x86_64)\r\n" +
	"Peers: 100.66.53.2:6402\r\n" +
	"Leaves: 100.66.53.4:6404, 100.66.53.3:6403\r\n" +
	"X-Live-Since: Sat, 01 Jun 2024 00:00:04 +0000\r\n" +
	"\r\n"

func address(text string) Address { return NewAddress(netip.MustParseAddrPort(text)) }

func parse(t *testing.T, text string) *Reply {
	t.Helper()
	require.Equal(t, len(text), HeadEnd([]byte(text), 0))
	r := new(Reply)
	require.NoError(t, r.Parse([]byte(text)))
	return r
}

func TestReplyOfGtkGnutella(t *testing.T) {
	r := parse(t, gtk)
	require.Equal(t, 200, r.Status)
	require.Equal(t, "OK", string(r.Phrase))
	require.Equal(t, "gtk-gnutella/1.2.3-14-ga331a (2024-03-03; Topless; Linux x86_64)", string(r.UserAgent))
	require.Equal(t, time.Date(2024, 6, 1, 0, 0, 4, 0, time.UTC).Unix(), r.LiveSince)
	require.True(t, r.HasLeaves)
	require.Equal(t, []Address{address("100.66.53.2:6402")}, r.Peers)
	require.Equal(t, []Address{address("100.66.53.4:6404"), address("100.66.53.3:6403")}, r.Leaves)
	require.Zero(t, r.Bad)
}

func TestReplies(t *testing.T) {
	for _, test := range []struct {
		name, head string
		status     int
		peers      int
		leaves     int
		isUltra    bool
		bad        int
	}{
		{"none, with the space", "GNUTELLA/0.6 200 OK\r\nPeers: \r\nLeaves: \r\n\r\n", 200, 0, 0, true, 0},
		{"a leaf", "GNUTELLA/0.6 200 OK\r\nPeers: 192.0.2.1:1\r\n\r\n", 200, 1, 0, false, 0},
		{"refused", "GNUTELLA/0.6 403 Too frequent crawling\r\nRemote-IP: 10.77.0.2\r\n\r\n", 403, 0, 0, false, 0},
		{"no phrase", "GNUTELLA/0.6 503\r\n\r\n", 503, 0, 0, false, 0},
		{"continued", "GNUTELLA/0.6 200 OK\r\nPeers: 192.0.2.1:1,\r\n 192.0.2.2:2,\r\n\t192.0.2.3:3\r\nLeaves:\r\n 192.0.2.4:4\r\n\r\n", 200, 3, 1, true, 0},
		{"continued, but not a list", "GNUTELLA/0.6 200 OK\r\nX-Try: 192.0.2.1:1,\r\n 192.0.2.2:2\r\n\r\n", 200, 0, 0, false, 0},
		{"in two headers, in small letters", "GNUTELLA/0.6 200 OK\r\npeers:192.0.2.1:1\r\nPEERS: 192.0.2.2:2\r\n\r\n", 200, 2, 0, false, 0},
		{"without CR", "GNUTELLA/0.6 200 OK\nPeers: 192.0.2.1:1\n\n", 200, 1, 0, false, 0},
		{"rubbish in the list", "GNUTELLA/0.6 200 OK\r\nPeers: 192.0.2.1:1, x, 1.2.3:4, 1.2.3.4, 1.2.3.4:0, 0.1.2.3:4, 127.0.0.1:6346, 224.0.0.1:1, 256.1.1.1:1, 1.1.1.1:65536, 1.1.1.1:1 y, 192.0.2.2:65535,\r\n\r\n", 200, 2, 0, false, 10},
		{"a line without colon", "GNUTELLA/0.6 200 OK\r\nnonsense\r\nPeers: 192.0.2.1:1\r\n\r\n", 200, 1, 0, false, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := parse(t, test.head)
			require.Equal(t, test.status, r.Status)
			require.Len(t, r.Peers, test.peers)
			require.Len(t, r.Leaves, test.leaves)
			require.Equal(t, test.isUltra, r.HasLeaves)
			require.Equal(t, test.bad, r.Bad)
		})
	}
}

func TestWhatIsNoReply(t *testing.T) {
	for _, head := range []string{
		"HTTP/1.0 200 OK\r\n\r\n", "GNUTELLA/0.4 200 OK\r\n\r\n", "GNUTELLA/0.6 2x0 OK\r\n\r\n",
		"GNUTELLA/0.6 20\r\n\r\n", "GNUTELLA/0.6 2000 OK\r\n\r\n", "GNUTELLA/0.6 000 OK\r\n\r\n", "\r\n\r\n", "",
	} {
		require.ErrorIs(t, new(Reply).Parse([]byte(head)), ErrNotGnutella, head)
	}
}

func TestHeadEndAcrossPieces(t *testing.T) {
	for _, text := range []string{gtk, strings.ReplaceAll(gtk, "\r", "")} {
		for cut := range len(text) {
			require.Equal(t, -1, HeadEnd([]byte(text[:cut]), 0), cut)
			require.Equal(t, len(text), HeadEnd([]byte(text+"more"), cut), cut)
		}
	}
}

func TestDates(t *testing.T) {
	for text, want := range map[string]string{
		"Sat, 01 Jun 2024 00:00:04 +0000": "2024-06-01T00:00:04Z",
		"Tue, 31 Dec 2024 23:30:00 -0130": "2025-01-01T01:00:00Z",
		"Thu, 01 Jan 1970 02:00:00 +0200": "1970-01-01T00:00:00Z",
	} {
		unix, ok := parseDate([]byte(text))
		require.True(t, ok, text)
		require.Equal(t, want, time.Unix(unix, 0).UTC().Format(time.RFC3339))
	}
	for _, text := range []string{
		"", "Sat, 01 Jun 2024 00:00:04", "Sat, 01 Jux 2024 00:00:04 +0000", "Sat, 00 Jun 2024 00:00:04 +0000",
		"Sat, 01 Jun 2024 24:00:04 +0000", "Sat, 01 Jun 2024 00-00:04 +0000", "Sat, 01 Jun 2024 00:00:04 *0000", "Sat, 0x Jun 2024 00:00:04 +0000",
	} {
		_, ok := parseDate([]byte(text))
		require.False(t, ok, text)
	}
}

func TestAddressesComeBack(t *testing.T) {
	for _, text := range []string{"1.2.3.4:1", "255.255.255.255:65535", "10.200.30.4:6346"} {
		a, ok := ParseAddress([]byte(text))
		require.True(t, ok)
		require.Equal(t, text, a.String())
		require.Equal(t, netip.MustParseAddrPort(text), a.AddrPort())
		require.Equal(t, a, NewAddress(a.AddrPort()))
	}
	require.Zero(t, NewAddress(netip.MustParseAddrPort("[2001:db8::1]:1")))
}

// TestAddressesAgainstTheStandardLibrary tries texts that are nearly addresses.
func TestAddressesAgainstTheStandardLibrary(t *testing.T) {
	const seed = 11
	random := rand.New(rand.NewPCG(seed, 0))
	for range 200_000 {
		a := Address(random.Uint64() & (1<<48 - 1) >> random.IntN(48))
		text := a.Append(nil)
		for range random.IntN(3) {
			text[random.IntN(len(text))] = "0123456789.:, \r-/;\x00\xb1"[random.IntN(20)]
		}
		got, ok := ParseAddress(text)
		want, err := netip.ParseAddrPort(string(text))
		if hasLeadingZero(text) {
			continue // which we accept
		}
		require.Equal(t, err == nil, ok, "%q, seed %d", text, seed)
		if ok {
			require.Equal(t, NewAddress(want), got, "%q, seed %d", text, seed)
		}
	}
}

func hasLeadingZero(text []byte) bool {
	for _, field := range bytes.FieldsFunc(text, func(r rune) bool { return r == '.' || r == ':' }) {
		if len(field) > 1 && field[0] == '0' {
			return true
		}
	}
	return false
}

// long is a reply with n peers and n leaves.
func long(n int) []byte {
	var peers, leaves []string
	for i := range n {
		peers = append(peers, fmt.Sprintf("10.%d.%d.%d:6346", i%200, i%250, 1+i%100))
		leaves = append(leaves, fmt.Sprintf("172.16.%d.%d:%d", i%250, 1+i%100, 1024+i))
	}
	return []byte("GNUTELLA/0.6 200 OK\r\nUser-Agent: x\r\nPeers: " + strings.Join(peers, ", ") +
		"\r\nLeaves: " + strings.Join(leaves, ",\r\n ") + "\r\nX-Live-Since: Sat, 01 Jun 2024 00:00:04 +0000\r\n\r\n")
}

func TestParseAllocatesNothing(t *testing.T) {
	head, r := long(300), new(Reply)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if HeadEnd(head, 0) != len(head) || r.Parse(head) != nil {
			panic("not parsed")
		}
	}))
	require.Len(t, r.Peers, 300)
	require.Len(t, r.Leaves, 300)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(gtk))
	f.Add(long(3))
	f.Add([]byte("GNUTELLA/0.6 200 OK\nPeers:\n 1.2.3.4:5,\n\t,\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		bounded.Input(t, 64<<20, func() {
			r := new(Reply)
			n := HeadEnd(b, 0)
			if n < 0 {
				n = len(b)
			} else {
				require.True(t, bytes.HasSuffix(b[:n], []byte("\n")))
				for _, cut := range []int{n / 2, n - 1} {
					require.Equal(t, n, HeadEnd(b, cut), "in pieces")
				}
			}
			if r.Parse(b[:n]) != nil {
				return
			}
			require.True(t, r.Status >= 100 && r.Status <= 999)
			for _, list := range [][]Address{r.Peers, r.Leaves} {
				for _, a := range list {
					require.True(t, a.Host())
					back, ok := ParseAddress(a.Append(nil))
					require.True(t, ok)
					require.Equal(t, a, back)
				}
			}
		})
	})
}

// BenchmarkParse has heads enough that no branch can be learnt by heart.
func BenchmarkParse(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	var heads [4096][]byte
	for i := range heads {
		head := []byte("GNUTELLA/0.6 200 OK\r\nUser-Agent: x\r\nPeers: ")
		for k := range 60 {
			if k == 30 {
				head = append(head, "\r\nLeaves: "...)
			} else if k > 0 {
				head = append(head, ", "...)
			}
			head = Address(1<<40 | random.Uint64()&(1<<40-1)).Append(head)
		}
		heads[i] = append(head, "\r\n\r\n"...)
	}
	b.SetBytes(int64(len(heads[0])))
	r, i := new(Reply), 0
	for b.Loop() {
		head := heads[i%len(heads)]
		i++
		if HeadEnd(head, 0) < 0 || r.Parse(head) != nil {
			b.Fatal("not parsed")
		}
	}
}
