package main

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"myriad/examples/internal/endtest"
	"myriad/examples/internal/program"
	"myriad/internal/testbed"
)

const (
	rightAnswer, wrongAnswer = "192.0.2.1", "192.0.2.66"
	// lateBy is longer than all attempts at a name take together.
	lateBy = time.Second
)

// deed is what a server does with a request.
type deed struct {
	reply []byte // nil is silence
	after time.Duration
	aside bool // from another port than the one that was asked
}

// domain is a top-level domain with a server of its own.
type domain struct {
	name    string
	outcome string
	do      func(right *dnsmessage.Message, attempt int) deed
}

var domains = []domain{
	{"good", "NOERROR", func(m *dnsmessage.Message, _ int) deed { return deed{reply: pack(m)} }},
	{"late", "timed out", func(m *dnsmessage.Message, _ int) deed { return deed{reply: pack(m), after: lateBy} }},
	{"again", "NOERROR", func(m *dnsmessage.Message, attempt int) deed {
		if attempt > 1 {
			return deed{reply: pack(m)}
		}
		m.Answers[0].Body = &dnsmessage.AResource{A: netip.MustParseAddr(wrongAnswer).As4()}
		return deed{reply: pack(m), after: lateBy} // when the second attempt was answered long ago
	}},
	{"never", "timed out", func(*dnsmessage.Message, int) deed { return deed{} }},
	{"rubbish", "bad reply", func(*dnsmessage.Message, int) deed { return deed{reply: []byte("this is no DNS message at all")} }},
	{"half", "bad reply", func(m *dnsmessage.Message, _ int) deed { b := pack(m); return deed{reply: b[:len(b)-7]} }},
	{"loop", "bad reply", func(m *dnsmessage.Message, _ int) deed {
		b := pack(m)
		at := len(b) - 16 // the answer's name, which was a pointer to the question's
		b[at], b[at+1] = 0xc0|byte(at>>8), byte(at)
		return deed{reply: b}
	}},
	{"mismatch", "bad reply", func(m *dnsmessage.Message, _ int) deed { m.ID++; return deed{reply: pack(m)} }},
	{"forged", "timed out", func(m *dnsmessage.Message, _ int) deed { return deed{reply: pack(m), aside: true} }},
	{"refuse", "refused by server", func(m *dnsmessage.Message, _ int) deed {
		m.RCode, m.Answers = dnsmessage.RCodeRefused, nil
		return deed{reply: pack(m)}
	}},
	{"closed", "refused", nil}, // nobody is at its port
}

func pack(m *dnsmessage.Message) []byte {
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

func (d *domain) addr() string {
	for k := range domains {
		if domains[k].name == d.name {
			return fmt.Sprint("198.19.1.", k+1)
		}
	}
	panic(d.name)
}

// serve answers at an address, until the socket is closed.
func serve(t *testing.T, far *testbed.Namespace, addr string, do func(m *dnsmessage.Message, attempt int) deed) {
	socket, err := far.ListenPacket("udp4", addr+":53")
	require.NoError(t, err)
	aside, err := far.ListenPacket("udp4", addr+":5353")
	require.NoError(t, err)
	t.Cleanup(func() { socket.Close(); aside.Close() })
	go func() {
		var buffer [1500]byte
		attempts := map[string]int{}
		for {
			n, from, err := socket.ReadFrom(buffer[:])
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buffer[:n]) != nil {
				continue
			}
			name := strings.ToLower(m.Questions[0].Name.String())
			attempts[name]++
			m.Response, m.Authoritative, m.Additionals = true, true, nil
			m.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET, TTL: 60},
				Body:   &dnsmessage.AResource{A: netip.MustParseAddr(rightAnswer).As4()},
			}}
			send(do(&m, attempts[name]), socket, aside, from)
		}
	}()
}

func send(d deed, socket, aside net.PacketConn, to net.Addr) {
	if d.aside {
		socket = aside
	}
	if d.reply != nil {
		time.AfterFunc(d.after, func() { _, _ = socket.WriteTo(d.reply, to) })
	}
}

// refer is what the root server does.
func refer(m *dnsmessage.Message, _ int) deed {
	m.Authoritative, m.Answers = false, nil
	for k := range domains {
		d := &domains[k]
		if !strings.HasSuffix(strings.ToLower(m.Questions[0].Name.String()), "."+d.name+".") {
			continue
		}
		zone, host := dnsmessage.MustNewName(d.name+"."), dnsmessage.MustNewName("ns."+d.name+".")
		m.Authorities = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: zone, Class: dnsmessage.ClassINET, TTL: 3600}, Body: &dnsmessage.NSResource{NS: host},
		}}
		m.Additionals = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: host, Class: dnsmessage.ClassINET, TTL: 3600},
			Body:   &dnsmessage.AResource{A: netip.MustParseAddr(d.addr()).As4()},
		}}
	}
	return deed{reply: pack(m)}
}

// badWorld has a root server and one for each domain.
func badWorld(t *testing.T) (near, far *testbed.Namespace) {
	testbed.Require(t)
	near, err := testbed.NewNamespace()
	require.NoError(t, err)
	t.Cleanup(func() { near.Close() })
	far, err = testbed.NewNamespace()
	require.NoError(t, err)
	t.Cleanup(func() { far.Close() })
	_, err = testbed.Veth(near, far, testbed.VethConfig{
		NearName: "near0", FarName: "far0", Queues: 1, DisableOffloads: true,
		NearAddr: netip.MustParsePrefix("198.18.0.1/24"), FarAddr: netip.MustParsePrefix("198.18.0.2/24"),
		Sources: []netip.Prefix{netip.MustParsePrefix("198.18.1.0/28")},
		Targets: []netip.Prefix{netip.MustParsePrefix("198.19.0.0/18")},
	})
	require.NoError(t, err)
	serve(t, far, "198.19.0.1", refer)
	for k := range domains {
		if d := &domains[k]; d.do != nil {
			serve(t, far, d.addr(), d.do)
		}
	}
	return near, far
}

// TestStormOfICMP walks while ICMP that is about nothing of ours comes as fast as
// it can: each name is resolved, each kind is counted by its name, and no memory
// is taken for them.
func TestStormOfICMP(t *testing.T) {
	near, far := badWorld(t)
	source, server := netip.MustParseAddr("198.18.1.1"), netip.MustParseAddr(domains[0].addr())
	query := endtest.Datagram(17, source, server, 40_000<<16|53, 0)
	end := endtest.Storm(t, far, netip.MustParseAddr("198.19.0.1"), source, [][]byte{
		endtest.ICMP(5, 1, query), endtest.ICMP(4, 0, query), endtest.ICMP(3, 3, query[:22]), endtest.ICMP(11, 0, query),
		endtest.ICMP(3, 3, endtest.Datagram(17, source, netip.MustParseAddr("198.19.9.9"), 40_000<<16|53, 0)),
		endtest.ICMP(3, 1, endtest.Datagram(6, source, server, 40_000<<16|53, 7)),
	})
	const names = 3000
	var list bytes.Buffer
	for k := range names {
		fmt.Fprintf(&list, "n%d.%s\n", k, domains[0].name)
	}
	path := filepath.Join(t.TempDir(), "names")
	require.NoError(t, os.WriteFile(path, list.Bytes(), 0o600))
	cmd, stderr := endtest.Command(t, "-interface", "near0", "-source", "198.18.1.0/28", "-allow", "198.18.0.0/15", "-root", "198.19.0.1",
		"-names", path, "-timeout", "2s", "-tries", "6", "-rate", "1000", "-per-server-rate", "0", "-v", "-v")
	var out bytes.Buffer
	cmd.Stdout = &out
	require.NoError(t, near.Start(cmd))
	memory, err := endtest.Wait(cmd)
	sent := end()
	require.Equal(t, program.Finished, endtest.ExitCode(err), stderr)
	all := readLines(t, &out)
	require.Equal(t, names, len(all))
	for name, l := range all {
		require.Equal(t, "NOERROR", l.RCode+l.Error, name)
	}
	for _, drop := range []string{"icmp_redirect", "icmp_source_quench", "icmp_quote", "icmp_unmatched"} {
		require.Regexp(t, drop+": [1-9]", stderr.String())
	}
	require.NotZero(t, memory)
	t.Logf("%d messages sent meanwhile; %d KiB of memory", sent, memory)
	require.Less(t, memory, int64(400<<10))
}

// TestBadServers walks over servers that answer late, wrongly or not at all:
// each name has its reason, replies that come too late are counted as such and
// believed by nobody, and the work goes on.
func TestBadServers(t *testing.T) {
	near, _ := badWorld(t)
	const each = 8
	var names bytes.Buffer
	for k := range each {
		for _, d := range domains {
			fmt.Fprintf(&names, "n%d.%s\n", k, d.name)
		}
	}
	list := filepath.Join(t.TempDir(), "names")
	require.NoError(t, os.WriteFile(list, names.Bytes(), 0o600))
	report := filepath.Join(t.TempDir(), "report.html")
	cmd, stderr := endtest.Command(t, "-interface", "near0", "-source", "198.18.1.0/28", "-allow", "198.18.0.0/15", "-root", "198.19.0.1",
		"-names", list, "-timeout", "100ms", "-tries", "2", "-parallel", "2", "-rate", "0", "-per-server-rate", "0", "-report", report, "-v", "-v")
	var out bytes.Buffer
	cmd.Stdout = &out
	require.NoError(t, near.Start(cmd))
	require.Equal(t, program.Finished, endtest.ExitCode(cmd.Wait()), stderr)

	all, outcomes := readLines(t, &out), map[string]int{}
	for k := range each {
		for _, d := range domains {
			l := all[fmt.Sprintf("n%d.%s. A", k, d.name)]
			require.NotNil(t, l)
			require.Equal(t, d.outcome, l.RCode+l.Error, l.Name)
			outcomes[d.outcome]++
			if l.RCode != "" {
				require.Equal(t, rightAnswer, l.Answers[0].Data, l.Name)
			}
		}
	}
	require.Len(t, all, each*len(domains))
	for outcome, n := range outcomes {
		require.Contains(t, stderr.String(), fmt.Sprintf("%s: %d", outcome, n))
	}
	require.Regexp(t, `requests +[0-9]+, .* [1-9][0-9]* replies to something else, [1-9][0-9]* too late`, stderr.String())
	require.Contains(t, stderr.String(), "no_query: ", "the forged ones")
	for _, d := range domains {
		if d.outcome != "NOERROR" {
			require.Contains(t, stderr.String(), fmt.Sprintf("no result (target: n0.%s. A, why: %s, attempts: ", d.name, d.outcome))
			require.Equal(t, 1, strings.Count(stderr.String(), fmt.Sprintf("server (address: %s, trouble: %s)", d.addr(), d.outcome)), "of each server once")
		}
	}
	for _, part := range []string{"process (", "settings (", "-tries: 2", "device (name: near0", "our addresses (", "politeness (requests at a time per server: at most 4", "root servers: ", "dropped (", "counters ("} {
		require.Contains(t, stderr.String(), part)
	}
	content, err := os.ReadFile(report)
	require.NoError(t, err)
	require.Contains(t, string(content), "reply_late")
	require.Contains(t, string(content), "replies_late")
}
