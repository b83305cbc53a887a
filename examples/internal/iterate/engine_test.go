package iterate

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"myriad/tcpclient"
)

// fakeNet is a network of servers in memory: a function per address answers.
type fakeNet struct {
	t       testing.TB
	now     time.Duration
	servers map[string]func(m *dnsmessage.Message, stream bool) *dnsmessage.Message // nil: silence
	rewrite func(b []byte) []byte                                                   // of the next reply over UDP
	events  []tcpclient.Event
	conns   map[tcpclient.ID]tcpclient.Open
	next    tcpclient.ID
	full    int // queries to refuse
	flight  map[netip.Addr]int
	most    int // in flight to one address
	asked   []string
	times   map[netip.Addr][]time.Duration // of the queries
}

func (n *fakeNet) Now() time.Duration { return n.now }

func (n *fakeNet) Query(queries []tcpclient.Query, results []tcpclient.Opened) {
	for k, q := range queries {
		if n.full > 0 {
			n.full--
			results[k].Err = fmt.Errorf("fake: %w", tcpclient.ErrFull)
			continue
		}
		results[k] = tcpclient.Opened{}
		a := q.Remote.Addr()
		n.flight[a]++
		n.times[a] = append(n.times[a], n.now)
		n.most = max(n.most, n.flight[a])
		b := n.reply(a.String(), q.Data, false)
		if b == nil {
			n.events = append(n.events, tcpclient.Event{Kind: tcpclient.Failed, Reason: tcpclient.TimedOut, User: q.User, Data: a.AsSlice()})
			continue
		}
		n.events = append(n.events, tcpclient.Event{Kind: tcpclient.Reply, User: q.User, Data: append(b, a.AsSlice()...), Elapsed: time.Millisecond})
	}
}

func (n *fakeNet) reply(addr string, data []byte, stream bool) []byte {
	var m dnsmessage.Message
	require.NoError(n.t, m.Unpack(data))
	n.asked = append(n.asked, addr+" "+strings.ToLower(m.Questions[0].Name.String()))
	server := n.servers[addr]
	if server == nil {
		return nil
	}
	answer := server(&m, stream)
	if answer == nil {
		return nil
	}
	answer.ID, answer.Response = m.ID, true
	if answer.Questions == nil {
		answer.Questions = m.Questions
	}
	b := pack(n.t, *answer)
	if n.rewrite != nil && !stream {
		b = n.rewrite(b)
		n.rewrite = nil
	}
	return b
}

func (n *fakeNet) Open(opens []tcpclient.Open, results []tcpclient.Opened) {
	for k, o := range opens {
		n.next++
		results[k] = tcpclient.Opened{Conn: n.next}
		n.conns[n.next] = o
		n.events = append(n.events, tcpclient.Event{Kind: tcpclient.Connected, Conn: n.next, User: o.User})
	}
}

// Send answers byte by byte, as far as the pieces go.
func (n *fakeNet) Send(sends []tcpclient.Send, results []tcpclient.Sent) {
	for k, s := range sends {
		o := n.conns[s.Conn]
		results[k] = tcpclient.Sent{Count: len(s.Data)}
		b := n.reply(o.Remote.Addr().String(), s.Data[2:], true)
		b = append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
		for _, piece := range [][]byte{b[:1], b[1:min(9, len(b))], b[min(9, len(b)):]} {
			n.events = append(n.events, tcpclient.Event{Kind: tcpclient.Data, Conn: s.Conn, User: o.User, Data: piece})
		}
	}
}

func (n *fakeNet) Close(closes []tcpclient.Close, errs []error) {
	for k, c := range closes {
		errs[k] = nil
		n.events = append(n.events, tcpclient.Event{Kind: tcpclient.Closed, Conn: c.Conn, User: n.conns[c.Conn].User})
	}
}

// outcome is a Result that was kept.
type outcome struct {
	RCode   string
	Failure Failure
	Last    string
	Count   int
	Servers []netip.Addr
	TCP     bool
}

type world struct {
	*fakeNet
	engine *Engine
	cfg    Config
	got    map[string]outcome
}

const root, tld, leaf1, leaf2 = "10.0.0.1", "10.0.1.1", "10.0.2.1", "10.0.2.2"

// newWorld has a root, a domain test., and in it zone.test. with two servers.
func newWorld(t testing.TB) *world {
	w := &world{fakeNet: &fakeNet{t: t, conns: map[tcpclient.ID]tcpclient.Open{}, flight: map[netip.Addr]int{}, times: map[netip.Addr][]time.Duration{}}, got: map[string]outcome{}}
	w.servers = map[string]func(*dnsmessage.Message, bool) *dnsmessage.Message{
		root: refer("test.", "ns.test.", tld),
		tld:  refer("zone.test.", "ns1.zone.test.", leaf1, "ns2.zone.test.", leaf2),
	}
	w.servers[leaf1] = func(m *dnsmessage.Message, _ bool) *dnsmessage.Message {
		return authoritative(aRecord(m.Questions[0].Name.String(), 192, 0, 2, 1))
	}
	w.servers[leaf2] = w.servers[leaf1]
	w.cfg = Config{
		Roots: []Host{{"a.root.", netip.MustParseAddr(root)}}, Parallel: 1000, PerServer: 100, Streams: 10, Zones: 100,
		Timeout: time.Second, Tries: 4, QueriesPerName: 40, Port: 53, Seed: 1, Turn: func() {},
	}
	return w
}

func authoritative(answers ...dnsmessage.Resource) *dnsmessage.Message {
	return &dnsmessage.Message{Header: dnsmessage.Header{Authoritative: true}, Answers: answers}
}

// refer answers everything with a referral to servers: name, address or "".
func refer(cut string, servers ...string) func(*dnsmessage.Message, bool) *dnsmessage.Message {
	return func(*dnsmessage.Message, bool) *dnsmessage.Message {
		m := &dnsmessage.Message{}
		for k := 0; k < len(servers); k += 2 {
			m.Authorities = append(m.Authorities, nsRecord(cut, servers[k]))
			if servers[k+1] != "" {
				m.Additionals = append(m.Additionals, aRecord(servers[k], netip.MustParseAddr(servers[k+1]).AsSlice()...))
			}
		}
		return m
	}
}

// resolve resolves names to their end.
func (w *world) resolve(names ...string) {
	w.cfg.Next = func() (q Question, number uint64, ok bool) {
		if len(names) == 0 {
			return q, 0, false
		}
		q = Question{names[0], typeA}
		names = names[1:]
		return q, uint64(len(names)), true
	}
	w.cfg.Done = func(r *Result) {
		require.NotContains(w.t, w.got, r.Question.Name, "once each")
		w.got[r.Question.Name] = outcome{RCodeName(r.RCode), r.Failure, r.LastData(), r.Answers(), append([]netip.Addr(nil), r.Servers...), r.TCP}
	}
	if w.engine == nil {
		w.engine = New(w.cfg, w.fakeNet)
	} else {
		w.engine.cfg = w.cfg
	}
	for turn := 0; ; turn++ {
		require.Less(w.t, turn, 100_000, "comes to an end")
		w.engine.Fill(256)
		if len(w.events) == 0 && len(names) == 0 && w.full == 0 && len(w.engine.resting) == 0 {
			break
		}
		events := w.events
		w.events = nil
		for k := range events {
			e := &events[k]
			switch e.Kind { // the fake's address is at the end
			case tcpclient.Reply:
				w.flight[netip.AddrFrom4([4]byte(e.Data[len(e.Data)-4:]))]--
				e.Data = e.Data[:len(e.Data)-4]
			case tcpclient.Failed:
				w.flight[netip.AddrFrom4([4]byte(e.Data))]--
				e.Data = nil
			}
			w.engine.Handle(events[k : k+1])
		}
		w.now += time.Millisecond
	}
	require.Zero(w.t, w.engine.Active())
	require.Empty(w.t, w.engine.leaders)
	require.Zero(w.t, w.engine.open)
	require.Len(w.t, w.engine.free, len(w.engine.tasks), "no task is lost")
	for _, s := range w.engine.servers {
		require.Zero(w.t, s.inFlight, s.Addr)
		require.Empty(w.t, s.waiting)
	}
}

func TestOneRequestPerNameOverKnownDelegations(t *testing.T) {
	w := newWorld(t)
	w.resolve("www.zone.test.")
	require.Equal(t, "192.0.2.1", w.got["www.zone.test."].Last)
	require.Len(t, w.got["www.zone.test."].Servers, 3)
	before := len(w.asked)
	var names []string
	for k := range 500 {
		names = append(names, fmt.Sprintf("n%d.zone.test.", k))
	}
	w.resolve(names...)
	require.Equal(t, before+500, len(w.asked))
	require.LessOrEqual(t, w.most, w.cfg.PerServer)
}

// A cold start asks root and domain once, not once per name.
func TestNamesWaitForTheReferralOfTheFirst(t *testing.T) {
	w := newWorld(t)
	w.cfg.PerServer = 3
	var names []string
	for k := range 500 {
		names = append(names, fmt.Sprintf("n%d.zone.test.", k))
	}
	w.resolve(names...)
	require.Len(t, w.got, 500)
	require.Len(t, w.asked, 502)
	require.Equal(t, 3, w.most, "the bound per server is kept, and used")
}

// No server has two requests within less than its rate allows, and all have
// their turn.
func TestPacedPerServer(t *testing.T) {
	w := newWorld(t)
	w.cfg.PerServerRate = 100
	w.cfg.PerServer = 5
	var names []string
	for k := range 50 {
		names = append(names, fmt.Sprintf("n%d.zone.test.", k))
	}
	w.full = 7
	w.resolve(names...)
	require.Len(t, w.got, 50)
	leaves := 0
	for a, times := range w.times {
		for k := 1; k < len(times); k++ {
			require.GreaterOrEqual(t, times[k]-times[k-1], 10*time.Millisecond, a)
		}
		if a != netip.MustParseAddr(root) && a != netip.MustParseAddr(tld) {
			leaves += len(times)
			require.Greater(t, len(times), 15, "both have their share")
		}
	}
	require.Equal(t, 50, leaves)
	counts := w.engine.Counts()
	require.LessOrEqual(t, counts.PeakInFlight, 5)
	require.Positive(t, counts.PeakInFlight)
	require.LessOrEqual(t, counts.PeakRate, 100)
}

// Servers that are left alone are not asked, and a zone that has no others
// says why.
func TestExcludedServersAreLeftAlone(t *testing.T) {
	w := newWorld(t)
	left := map[string]bool{leaf2: true}
	w.cfg.Excluded = func(a netip.Addr) bool { return left[a.String()] }
	w.resolve("a.zone.test.", "b.zone.test.", "c.zone.test.")
	for _, o := range w.got {
		require.Empty(t, o.Failure)
		require.NotContains(t, o.Servers, netip.MustParseAddr(leaf2))
	}
	require.Equal(t, 1, w.engine.Counts().Excluded)

	w = newWorld(t)
	left[leaf1] = true
	w.cfg.Excluded = func(a netip.Addr) bool { return left[a.String()] }
	w.resolve("a.zone.test.")
	require.Equal(t, Excluded, w.got["a.zone.test."].Failure)

	// The same of servers whose addresses had to be looked up.
	w = newWorld(t)
	left = map[string]bool{"192.0.2.1": true}
	w.cfg.Excluded = func(a netip.Addr) bool { return left[a.String()] }
	w.servers[tld] = func(m *dnsmessage.Message, stream bool) *dnsmessage.Message {
		if strings.Contains(strings.ToLower(m.Questions[0].Name.String()), "glueless") {
			return refer("glueless.test.", "ns.zone.test.", "")(m, stream)
		}
		return refer("zone.test.", "ns1.zone.test.", leaf1)(m, stream)
	}
	w.resolve("a.glueless.test.")
	require.Equal(t, Excluded, w.got["a.glueless.test."].Failure)
}

func TestFullQueriesWait(t *testing.T) {
	w := newWorld(t)
	w.full = 5
	w.resolve("a.zone.test.", "b.zone.test.")
	require.Len(t, w.got, 2)
	require.Empty(t, w.got["a.zone.test."].Failure)
}

func TestNextServersTurn(t *testing.T) {
	for why, server := range map[Failure]func(*dnsmessage.Message, bool) *dnsmessage.Message{
		TimedOut: nil,
		ServerRefused: func(*dnsmessage.Message, bool) *dnsmessage.Message {
			return &dnsmessage.Message{Header: dnsmessage.Header{RCode: dnsmessage.RCodeRefused}}
		},
		ServerFailed: func(*dnsmessage.Message, bool) *dnsmessage.Message {
			return &dnsmessage.Message{Header: dnsmessage.Header{RCode: dnsmessage.RCodeServerFailure}}
		},
		Lame: refer(".", "a.root.", root),
		BadReply: func(m *dnsmessage.Message, _ bool) *dnsmessage.Message {
			r := authoritative()
			r.Questions = []dnsmessage.Question{{Name: name("other."), Type: typeA, Class: dnsmessage.ClassINET}}
			return r
		},
	} {
		w := newWorld(t)
		w.servers[leaf2] = server
		var names []string
		for k := range 20 {
			names = append(names, fmt.Sprintf("n%d.zone.test.", k))
		}
		w.resolve(names...)
		for _, n := range names {
			require.Equal(t, "192.0.2.1", w.got[n].Last, "%s: the other server answers", why)
		}
		w.servers[leaf1] = server
		w.resolve("www.zone.test.")
		require.Equal(t, why, w.got["www.zone.test."].Failure)
		require.Len(t, w.got["www.zone.test."].Servers, 4, "as many tries as asked for")
	}
}

func TestForgedReplyIsAskedForAgain(t *testing.T) {
	w := newWorld(t)
	w.rewrite = func(b []byte) []byte { b[0] ^= 1; return b }
	w.resolve("www.zone.test.")
	require.Equal(t, "192.0.2.1", w.got["www.zone.test."].Last)
	require.Equal(t, 1, w.engine.Counts().Mismatch)
}

func TestServerThatDoesNotKeepTheCase(t *testing.T) {
	w := newWorld(t)
	leaf := w.servers[leaf1]
	w.servers[leaf1] = func(m *dnsmessage.Message, stream bool) *dnsmessage.Message {
		r := leaf(m, stream)
		if !stream {
			r.Questions = []dnsmessage.Question{{Name: name(strings.ToLower(m.Questions[0].Name.String())), Type: typeA, Class: dnsmessage.ClassINET}}
		}
		return r
	}
	w.servers[leaf2] = w.servers[leaf1]
	w.resolve("www-with-many-letters.zone.test.")
	require.Equal(t, "192.0.2.1", w.got["www-with-many-letters.zone.test."].Last)
	require.True(t, w.got["www-with-many-letters.zone.test."].TCP)
}

func TestTruncationGoesOverTCP(t *testing.T) {
	w := newWorld(t)
	w.cfg.Streams = 1
	leaf := w.servers[leaf1]
	w.servers[leaf1] = func(m *dnsmessage.Message, stream bool) *dnsmessage.Message {
		if stream {
			return leaf(m, stream)
		}
		return &dnsmessage.Message{Header: dnsmessage.Header{Authoritative: true, Truncated: true}}
	}
	w.servers[leaf2] = w.servers[leaf1]
	w.resolve("a.zone.test.", "b.zone.test.", "c.zone.test.")
	for _, n := range []string{"a", "b", "c"} {
		require.Equal(t, "192.0.2.1", w.got[n+".zone.test."].Last)
		require.True(t, w.got[n+".zone.test."].TCP)
	}
}

func TestServerWithoutEDNS(t *testing.T) {
	w := newWorld(t)
	leaf := w.servers[leaf1]
	w.servers[leaf1] = func(m *dnsmessage.Message, stream bool) *dnsmessage.Message {
		if len(m.Additionals) > 0 {
			return &dnsmessage.Message{Header: dnsmessage.Header{RCode: dnsmessage.RCodeFormatError}}
		}
		return leaf(m, stream)
	}
	w.servers[leaf2] = w.servers[leaf1]
	var told []string
	w.cfg.Trouble = func(server netip.Addr, what string) { told = append(told, server.String()+" "+what) }
	w.cfg.Tries = 1
	names := []string{"www.zone.test.", "a.zone.test.", "b.zone.test.", "c.zone.test.", "d.zone.test.", "e.zone.test."}
	w.resolve(names...) // some of them while the first is not answered yet
	for _, name := range names {
		require.Equal(t, "192.0.2.1", w.got[name].Last)
	}
	slices.Sort(told)
	require.Equal(t, []string{leaf1 + " " + needsPlain, leaf2 + " " + needsPlain}, told)
}

// Glue and CNAME targets outside the zone are not believed.
func TestPoisonIsNotSwallowed(t *testing.T) {
	w := newWorld(t)
	const evil = "10.6.6.6"
	w.servers[tld] = refer("zone.test.", "ns.elsewhere.", evil)
	w.resolve("www.zone.test.")
	for _, a := range w.asked {
		require.NotContains(t, a, evil)
	}
	w = newWorld(t)
	w.servers[leaf1] = func(m *dnsmessage.Message, _ bool) *dnsmessage.Message {
		if strings.EqualFold(m.Questions[0].Name.String(), "www.zone.test.") {
			return authoritative(cnameRecord("www.zone.test.", "bank.test."), aRecord("bank.test.", 6, 6, 6, 6))
		}
		return nil
	}
	w.servers[leaf2] = w.servers[leaf1]
	w.servers[tld] = func(m *dnsmessage.Message, s bool) *dnsmessage.Message {
		if strings.EqualFold(m.Questions[0].Name.String(), "bank.test.") {
			return authoritative(aRecord("bank.test.", 192, 0, 2, 7))
		}
		return refer("zone.test.", "ns1.zone.test.", leaf1)(m, s)
	}
	w.resolve("www.zone.test.")
	require.Equal(t, "192.0.2.7", w.got["www.zone.test."].Last)
	require.Equal(t, 2, w.got["www.zone.test."].Count)
}

// Two names whose look-ups meet in a loop of which one has another way out.
func TestLoopsAreFoundAndMeetingsAreNot(t *testing.T) {
	w := newWorld(t)
	w.servers[tld] = func(m *dnsmessage.Message, s bool) *dnsmessage.Message {
		switch n := strings.ToLower(m.Questions[0].Name.String()); {
		case within(n, "a.test."):
			return refer("a.test.", "ns.b.test.", "")(m, s)
		case within(n, "b.test."):
			return refer("b.test.", "ns.a.test.", "", "ns.zone.test.", "")(m, s)
		case within(n, "c.test."):
			return refer("c.test.", "ns.d.test.", "")(m, s)
		case within(n, "d.test."):
			return refer("d.test.", "ns.c.test.", "")(m, s)
		case within(n, "self.test."):
			return refer("self.test.", "ns.self.test.", "")(m, s)
		}
		return refer("zone.test.", "ns1.zone.test.", leaf1)(m, s)
	}
	w.servers["192.0.2.1"] = w.servers[leaf1] // all zones' server
	w.resolve("www.a.test.", "www.b.test.", "www.c.test.", "www.d.test.", "www.self.test.")
	for _, n := range []string{"a", "b"} {
		require.Equal(t, "192.0.2.1", w.got["www."+n+".test."].Last, "%s: %+v", n, w.got)
	}
	for _, n := range []string{"c", "d", "self"} {
		require.Equal(t, Loop, w.got["www."+n+".test."].Failure, n)
	}
}

// A tree that goes on for ever, and a delegation to a thousand servers that do
// not exist, cost no more than the bound (NXNSAttack).
func TestBoundsPerName(t *testing.T) {
	w := newWorld(t)
	w.servers[root] = func(m *dnsmessage.Message, s bool) *dnsmessage.Message {
		n := strings.ToLower(m.Questions[0].Name.String())
		var servers []string
		for k := range 30 {
			servers = append(servers, fmt.Sprintf("ns%d.x%s", k, n), "")
		}
		return refer(n, servers...)(m, s)
	}
	w.resolve("www.zone.test.")
	require.NotEmpty(t, w.got["www.zone.test."].Failure)
	require.LessOrEqual(t, len(w.asked), w.cfg.QueriesPerName)

	w = newWorld(t)
	k := 0
	w.servers[leaf1] = func(m *dnsmessage.Message, _ bool) *dnsmessage.Message {
		k++
		return authoritative(cnameRecord(m.Questions[0].Name.String(), fmt.Sprintf("n%d.zone.test.", k)))
	}
	w.servers[leaf2] = w.servers[leaf1]
	w.resolve("www.zone.test.")
	require.Equal(t, CNAMELoop, w.got["www.zone.test."].Failure)
}

// A name whose servers are silent, those of its zone or the root's, is asked for
// until its deadline, and no longer.
func TestDeadlinePerName(t *testing.T) {
	for _, who := range [][]string{{leaf1, leaf2}, {root}} {
		w := newWorld(t)
		for _, server := range who {
			w.servers[server] = func(*dnsmessage.Message, bool) *dnsmessage.Message {
				w.now += time.Second
				return nil
			}
		}
		w.cfg.Tries, w.cfg.Deadline = 20, 5*time.Second
		w.resolve("www.zone.test.")
		require.Equal(t, Deadline, w.got["www.zone.test."].Failure)
		require.GreaterOrEqual(t, len(w.asked), 5)
		require.Less(t, len(w.asked), 10)
	}
}

func TestDelegationsAreBounded(t *testing.T) {
	w := newWorld(t)
	w.cfg.Zones = 8
	w.servers[tld] = func(m *dnsmessage.Message, s bool) *dnsmessage.Message {
		n := strings.ToLower(m.Questions[0].Name.String())
		return refer(childOf(n, "test."), "ns."+childOf(n, "test."), leaf1)(m, s)
	}
	var names []string
	for k := range 100 {
		names = append(names, fmt.Sprintf("www.z%d.test.", k))
	}
	w.resolve(names...)
	require.Len(t, w.got, 100)
	for n, o := range w.got {
		require.Equal(t, "192.0.2.1", o.Last, n)
	}
	require.LessOrEqual(t, len(w.engine.zones.byName), 8)
}

func requireLines(t testing.TB, lines []byte, limit int) (all []map[string]any) {
	for line := range bytes.Lines(lines) {
		require.LessOrEqual(t, len(line), limit)
		var v map[string]any
		require.NoError(t, json.Unmarshal(line, &v), "%s", line)
		all = append(all, v)
	}
	return all
}

func TestLongResultsComeInParts(t *testing.T) {
	var r reply
	task := &task{}
	data := strings.Repeat(`\"`, 6000)
	r.text = append([]byte("www.test."), data...)
	task.add(&r, &record{name: span{0, 9}, data: span{9, uint32(len(r.text))}, kind: 99})
	task.add(&r, &record{name: span{0, 9}, data: span{9, 13}, kind: 99})
	result := Result{Question: Question{"www.test.", 99}, elements: task.elements, ends: task.ends}
	all := requireLines(t, result.AppendLines(nil, 4096), 4096)
	require.Greater(t, len(all), 5)
	joined := ""
	for k, line := range all {
		require.EqualValues(t, k+1, line["part"])
		require.EqualValues(t, len(all), line["parts"])
		for _, a := range line["answers"].([]any) {
			answer := a.(map[string]any)
			joined += answer["data"].(string)
			if answer["more"] == nil {
				joined += "|"
			}
		}
	}
	require.Equal(t, data+`|`+data[:4]+"|", joined)
}

// BenchmarkNames is the engine alone: one request per name over known
// delegations, the far end not counted in but for copying a reply.
func BenchmarkNames(b *testing.B) {
	w := newWorld(b)
	w.resolve("www.zone.test.")
	s := &stencil{}
	w.cfg.Parallel, w.cfg.PerServer = 4096, 4096
	left := b.N
	w.cfg.Next = func() (Question, uint64, bool) {
		left--
		return Question{"some-name.zone.test.", typeA}, 0, left >= 0
	}
	done := 0
	lines := make([]byte, 0, 1<<20)
	w.cfg.Done = func(r *Result) {
		done++
		if lines = r.AppendLines(lines, 4096); len(lines) > 1<<19 {
			lines = lines[:0]
		}
	}
	w.engine.cfg, w.engine.net = w.cfg, s
	b.ReportAllocs()
	b.ResetTimer()
	for done < b.N {
		w.engine.Fill(256)
		w.engine.Handle(s.take())
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "names/s")
}

// stencil answers every question with one A record.
type stencil struct {
	fakeNet
	buffers [512][]byte
	count   int
	list    []tcpclient.Event
}

func (s *stencil) Query(queries []tcpclient.Query, results []tcpclient.Opened) {
	for k, q := range queries {
		b := append(s.buffers[s.count%512][:0], q.Data[:len(q.Data)-11]...) // without EDNS
		b[2], b[7], b[11] = 0x84, 1, 0
		b = append(b, 0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 0, 0, 4, 192, 0, 2, 1)
		s.buffers[s.count%512] = b
		s.count++
		s.list = append(s.list, tcpclient.Event{Kind: tcpclient.Reply, User: q.User, Data: b, Elapsed: time.Millisecond})
		results[k] = tcpclient.Opened{}
	}
}

func (s *stencil) take() []tcpclient.Event {
	l := s.list
	s.list = s.list[:0]
	return l
}

// A name over known delegations costs no allocation, from the list to its line.
func TestNamesDoNotAllocate(t *testing.T) {
	w := newWorld(t)
	w.resolve("www.zone.test.")
	left, done := 0, 0
	lines := make([]byte, 0, 4096)
	w.cfg.Next = func() (Question, uint64, bool) { left--; return Question{"some-name.zone.test.", typeA}, 0, left >= 0 }
	w.cfg.Done = func(r *Result) { done++; lines = r.AppendLines(lines[:0], 4096) }
	s := &stencil{}
	w.engine.cfg, w.engine.net = w.cfg, s
	turn := func() {
		left = 100
		w.engine.Fill(256)
		w.engine.Handle(s.take())
	}
	for range 20 {
		turn()
	}
	if allocs := testing.AllocsPerRun(50, turn); !raceEnabled {
		require.Zero(t, allocs)
	}
	require.Equal(t, 100*71, done)
}
