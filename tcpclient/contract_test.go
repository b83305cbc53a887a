package tcpclient

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/wrap"
	"myriad/iobackend/simlink"
	"myriad/linklayer"
)

// Each line of the contract in doc.go has its test here or in dialer_test.go.

func TestCallsFromElsewhereAreBounded(t *testing.T) {
	s := newScript(t, Config{Calls: 2})
	ran := 0
	require.NoError(t, s.client.Do(0, func(w *Worker) { ran++ }))
	errs := make([]error, 2)
	s.client.Open([]Open{{Remote: scriptRemote, User: 5}, {Remote: scriptRemote}}, errs)
	require.NoError(t, errs[0])
	require.ErrorIs(t, errs[1], ErrFull)
	require.ErrorIs(t, s.client.Do(0, func(w *Worker) { ran++ }), ErrFull)
	s.want(fSYN, 0, 0, "")
	s.synACK()
	s.want(fACK, 1, 1, "")
	require.Equal(t, 1, ran)
	require.EqualValues(t, 5, s.log.events[0].User)
}

// Data is handed out where it lies in the receive frame: without a copy, and
// so only until Events returns.
func TestDataIsBorrowedFromTheFrame(t *testing.T) {
	s := newScript(t, Config{})
	var kept []byte
	s.log.do = func(w *Worker, e *Event) {}
	s.establish(Open{})
	s.log.w.handler = handlerFunc(func(w *Worker, events []Event) { kept = events[0].Data })
	s.send(fACK, 1, 1, "hello")
	require.NotEqual(t, "hello", string(kept), "simlink's Debug poisons frames that were released")
}

type handlerFunc func(w *Worker, events []Event)

func (f handlerFunc) Events(w *Worker, events []Event) { f(w, events) }

func TestOpenIsRefusedByNameWhenFull(t *testing.T) {
	s := newScript(t, Config{ConnectionsMax: 2})
	s.open(Open{})
	s.open(Open{})
	var r [1]Opened
	s.log.w.Open([]Open{{Remote: scriptRemote}}, r[:])
	require.ErrorIs(t, r[0].Err, ErrFull)

	s = newScript(t, Config{PortMin: 1000, PortMax: 1000})
	for range 4 { // as many as there are addresses
		s.open(Open{})
	}
	s.log.w.Open([]Open{{Remote: scriptRemote}}, r[:])
	require.ErrorIs(t, r[0].Err, ErrFull)
	// The same local ends serve another remote.
	s.open(Open{Remote: netip.MustParseAddrPort("10.2.0.2:80")})
}

func TestOpenRefusesWhatIsNotAPeer(t *testing.T) {
	s := newScript(t, Config{})
	var r [1]Opened
	for _, remote := range []string{"0.0.0.0:80", "224.0.0.1:80", "255.255.255.255:80", "[2001:db8::1]:80", "10.2.0.1:0"} {
		s.log.w.Open([]Open{{Remote: netip.MustParseAddrPort(remote)}}, r[:])
		require.ErrorIs(t, r[0].Err, ErrInvalid, remote)
	}
	s.client.links[0].subnets = []netip.Prefix{netip.MustParsePrefix("10.2.0.0/24")}
	s.log.w.Open([]Open{{Remote: netip.MustParseAddrPort("10.2.0.255:80")}}, r[:])
	require.ErrorIs(t, r[0].Err, ErrInvalid, "a subnet's broadcast")
	s.log.w.Open([]Open{{Remote: scriptRemote, Local: netip.MustParseAddrPort("10.9.9.9:0")}}, r[:])
	require.ErrorIs(t, r[0].Err, ErrInvalid)
	local := netip.MustParseAddrPort("10.1.0.2:4242")
	s.open(Open{Local: local})
	p := s.want(fSYN, 0, 0, "")
	require.Equal(t, local, netip.AddrPortFrom(netip.AddrFrom16(p.Source).Unmap(), p.SourcePort))
	s.log.w.Open([]Open{{Remote: scriptRemote, Local: local}}, r[:])
	require.ErrorIs(t, r[0].Err, ErrInUse)
}

func TestFourTupleRestsAfterReset(t *testing.T) {
	s := newScript(t, Config{Rest: time.Second})
	local := netip.MustParseAddrPort("10.1.0.2:4242")
	id := s.open(Open{Local: local})
	first := s.want(fSYN, 0, 0, "")
	require.NoError(t, s.close(id, Reset))
	var r [1]Opened
	s.log.w.Open([]Open{{Remote: scriptRemote, Local: local}}, r[:])
	require.ErrorIs(t, r[0].Err, ErrInUse)
	s.pass(2 * time.Second)
	s.open(Open{Local: local})
	second := s.want(fSYN, 0, 0, "")
	require.True(t, wrap.Forced || second.Segment.Seq.After(first.Segment.Seq), "the ISN clock moves on")
}

func TestRateIsKept(t *testing.T) {
	s := newScript(t, Config{Rate: 100})
	for range 20 {
		s.log.w.Open([]Open{{Remote: scriptRemote}}, make([]Opened, 1))
	}
	s.pass(100 * time.Millisecond)
	require.InDelta(t, 10, len(s.heard), 2)
	s.pass(100 * time.Millisecond)
	require.Equal(t, 20, len(s.heard))
}

func TestWindowGrowsToItsMaximumAndNotBeyond(t *testing.T) {
	s := newScript(t, Config{ReceiveBuffer: 16 << 10, ReceiveBufferMax: 256 << 10})
	s.open(Open{})
	s.want(fSYN, 0, 0, "")
	s.link.Clock().Advance(10 * time.Millisecond)
	s.synACK()
	last := s.want(fACK, 1, 1, "").Segment
	block := strings.Repeat("x", 1448)
	sent, shift := 1, s.log.w.machineScale()
	for range 40 {
		for window := int(last.Window) << shift; window >= len(block); window -= len(block) {
			s.send(fACK, sent, 1, block)
			sent += len(block)
		}
		s.pass(50 * time.Millisecond)
		last = s.heard[len(s.heard)-1].Segment
		s.heard = nil
		require.LessOrEqual(t, int(last.Window)<<shift, 256<<10+1<<shift)
	}
	require.GreaterOrEqual(t, int(last.Window)<<shift, 256<<10)
	require.Len(t, s.log.data, sent-1)
}

func (w *Worker) machineScale() int { return int(w.table.At(0).Scale >> 4) }

func TestBuffersAreBoundedOverAllConnections(t *testing.T) {
	s := newScript(t, Config{BufferMemory: 64 << 10, SendBuffer: 128 << 10})
	id := s.establish(Open{})
	require.ErrorIs(t, s.write(id, strings.Repeat("x", 100<<10)).Err, ErrFull)
	require.Equal(t, 50<<10, s.write(id, strings.Repeat("x", 50<<10)).Count)
	s.heard = nil
	s.send(fACK, 20001, 1, strings.Repeat("y", 1000))
	s.send(fACK, 30001, 1, strings.Repeat("y", 1000))
	s.send(fACK, 40001, 1, strings.Repeat("y", 1000))
	s.send(fACK, 50001, 1, strings.Repeat("y", 1000))
	s.log.w.publish(true)
	require.NotZero(t, s.client.Stats().Drops["tcp_buffer_memory_full"])
	require.LessOrEqual(t, s.log.w.machine.BufferBytes(), 64<<10)
	require.NotZero(t, s.client.Stats().Counters["send_refused_no_memory"])
}

func TestShortSendIsFollowedByWritable(t *testing.T) {
	s := newScript(t, Config{SendBuffer: 4000})
	id := s.establish(Open{})
	require.Equal(t, 4000, s.write(id, strings.Repeat("x", 5000)).Count)
	s.want(fACK, 1, 1, strings.Repeat("x", 1460))
	s.want(fACK, 1461, 1, strings.Repeat("x", 1460))
	s.want(fACK|fPSH, 2921, 1, strings.Repeat("x", 1080))
	require.Empty(t, s.log.events)
	s.send(fACK, 1, 4001, "")
	require.Equal(t, []EventKind{Writable}, s.log.kinds())
}

func TestUnreadDataAfterFinDiscardResets(t *testing.T) {
	s := newScript(t, Config{})
	id := s.establish(Open{})
	require.NoError(t, s.close(id, FinDiscard))
	s.want(fFIN|fACK, 1, 1, "")
	s.send(fACK, 1, 2, "nobody reads this")
	s.want(fRST|fACK, 2, 1, "")
	require.Equal(t, Unread, s.log.events[0].Reason)
	require.Zero(t, s.log.w.table.Len())
}

func TestCloseWaitsForTheEndOfConnections(t *testing.T) {
	s := newScript(t, Config{})
	s.establish(Open{})
	done, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, s.client.Close(done), context.Canceled)
	require.NoError(t, s.client.Close(done), "twice")
	require.Equal(t, Shutdown, s.log.events[0].Reason)
	require.ErrorIs(t, s.client.Do(0, func(*Worker) {}), ErrClosed)
	errs := make([]error, 1)
	s.client.Open([]Open{{Remote: scriptRemote}}, errs)
	require.ErrorIs(t, errs[0], ErrClosed)
	flags := []linklayer.Flags{}
	for _, p := range s.heard {
		flags = append(flags, p.Segment.Flags)
	}
	require.Equal(t, []linklayer.Flags{fFIN | fACK, fRST | fACK}, flags)
}

func TestDeadlines(t *testing.T) {
	s := newScript(t, Config{})
	s.open(Open{Timeout: 500 * time.Millisecond})
	s.want(fSYN, 0, 0, "")
	s.pass(501 * time.Millisecond)
	require.Equal(t, DeadlineExceeded, s.log.events[0].Reason)
	s.wantNothing()
	s.log.events = nil

	s.establish(Open{Idle: 500 * time.Millisecond})
	s.pass(400 * time.Millisecond)
	s.send(fACK, 1, 1, "x")
	s.pass(400 * time.Millisecond)
	s.want(fACK, 1, 2, "")
	require.Equal(t, []EventKind{Data}, s.log.kinds())
	s.pass(101 * time.Millisecond)
	s.want(fRST|fACK, 1, 2, "")
	require.Equal(t, DeadlineExceeded, s.log.events[0].Reason)
}

func TestReasonsAreTheErrorsThatGoKnows(t *testing.T) {
	for reason, want := range map[Reason]error{
		Refused: syscall.ECONNREFUSED, ResetByPeer: syscall.ECONNRESET, TimedOut: syscall.ETIMEDOUT,
		Unreachable: syscall.EHOSTUNREACH, DeadlineExceeded: os.ErrDeadlineExceeded, Shutdown: ErrClosed,
		DeviceGone: syscall.ENETDOWN, Unread: ErrClosed, NoMemory: syscall.ENOMEM,
	} {
		require.ErrorIs(t, reason.Err(), want)
		require.NotEqual(t, "unknown", reason.String())
	}
	require.NoError(t, ReasonNone.Err())
}

func TestTimeWaitMakesRoomWhenTheTableIsFull(t *testing.T) {
	s := newScript(t, Config{ConnectionsMax: 1})
	id := s.establish(Open{})
	require.NoError(t, s.close(id, Fin))
	s.want(fFIN|fACK, 1, 1, "")
	s.send(fACK|fFIN, 1, 2, "")
	s.want(fACK, 2, 2, "")
	require.Equal(t, []EventKind{EndOfStream, Closed}, s.log.kinds())
	s.open(Open{})
	s.want(fSYN, 0, 0, "")
	s.log.w.publish(true)
	require.EqualValues(t, 1, s.client.Stats().Counters["time_wait_shortened"])
}

func TestHeldDataOutlivesTheConnection(t *testing.T) {
	s := newScript(t, Config{})
	id := s.establish(Open{})
	require.NoError(t, s.log.w.Pause(id))
	require.NoError(t, s.close(id, Fin))
	s.want(fFIN|fACK, 1, 1, "")
	s.send(fACK|fFIN, 1, 2, "the end")
	s.want(fACK, 2, 9, "")
	s.pass(2 * time.Minute)
	require.Empty(t, s.log.events)
	require.NoError(t, s.log.w.Resume(id))
	s.settle()
	require.Equal(t, []EventKind{Data, EndOfStream, Closed}, s.log.kinds())
	require.Equal(t, "the end", string(s.log.data))
	s.pass(2 * time.Minute)
	require.Zero(t, s.log.w.table.Len())
}

func TestDeviceThatGoesAwayEndsEverything(t *testing.T) {
	s := newScript(t, Config{})
	s.establish(Open{})
	s.link.End(0).Remove()
	s.client.Step()
	require.Equal(t, DeviceGone, s.log.events[0].Reason)
	require.Error(t, s.client.Err())
	require.True(t, errors.Is(s.client.Do(0, func(*Worker) {}), ErrClosed))
}

func TestFrameOnTheWrongQueueIsHandedOver(t *testing.T) {
	logs := map[int]*eventLog{}
	link, err := simlink.New(simlink.Config{Debug: true, Ends: []simlink.EndConfig{
		{Queues: 2, Steer: func([]byte, int) int { return 1 }}, {},
	}})
	require.NoError(t, err)
	client, err := New(Config{Manual: true, Seed: 1, ConnectionsMax: 64, Interfaces: []Interface{{
		Device: link.End(0), Sources: []netip.Prefix{scriptLocal}, GatewayMAC: scriptMAC[:],
	}}}, func(w *Worker) Handler {
		logs[w.Index()] = &eventLog{w: w}
		return logs[w.Index()]
	})
	require.NoError(t, err)
	require.NoError(t, client.Start())
	s := &script{t: t, link: link, client: client, log: logs[0], irs: 1}
	link.End(1).OnFrame(func(at time.Duration, frame []byte) {
		var p linklayer.Packet
		require.Equal(t, linklayer.DropNone, linklayer.Parse(append([]byte(nil), frame...), false, &p))
		s.heard = append(s.heard, p)
	})
	s.open(Open{})
	s.want(fSYN, 0, 0, "")
	s.synACK()
	s.want(fACK, 1, 1, "")
	s.send(fACK, 1, 1, "hello")
	require.Equal(t, "hello", string(logs[0].data))
	require.Empty(t, logs[1].events)
	require.EqualValues(t, 2, client.Stats().Counters["handed_over"])
	done, cancel := context.WithCancel(context.Background())
	cancel()
	client.Close(done)
	require.EqualValues(t, 2, client.Stats().FramesReceived, "each counts once")
	require.Zero(t, link.Leaked())
}

// An Opener that was told to wait for the rate is asked again in time, though
// nothing else happens.
func TestOpenerIsAskedAgainWhenTheRateAllows(t *testing.T) {
	s := newScript(t, Config{Rate: 100, ConnectionsMax: 4096})
	opened := 0
	s.log.w.opener = openerFunc(func(w *Worker, room int) {
		for range room {
			w.Open([]Open{{Remote: scriptRemote}}, make([]Opened, 1))
			opened++
		}
	})
	s.pass(time.Second)
	require.InDelta(t, 100, opened, 2)
}

type openerFunc func(w *Worker, room int)

func (openerFunc) Events(*Worker, []Event)        {}
func (f openerFunc) OpenMore(w *Worker, room int) { f(w, room) }

// A worker that was kept from its processor reads what came meanwhile before
// its timers fire.
func TestAnswersInTheRingComeBeforeTimers(t *testing.T) {
	s := newScript(t, Config{Batch: 2, ConnectionsMax: 64})
	request, err := s.client.Intern([]byte("hi"))
	require.NoError(t, err)
	s.open(Open{Request: request})
	s.want(fSYN, 0, 0, "")
	s.synACK()
	s.want(fACK|fPSH, 1, 1, "hi")
	for range 4 { // ahead of the ACK in the ring
		s.queue(fACK, 1, 1, "")
	}
	s.queue(fACK, 1, 3, "")
	s.link.Clock().Advance(time.Second)
	s.settle()
	s.wantNothing()
}

func TestSeveralInterfacesServeOneClient(t *testing.T) {
	var links [2]*simlink.Link
	var ins []Interface
	asked := map[int]netip.Addr{}
	for k := range links {
		link, err := simlink.New(simlink.Config{Debug: true})
		require.NoError(t, err)
		links[k] = link
		link.End(1).OnFrame(func(_ time.Duration, frame []byte) {
			var p linklayer.Packet
			require.Equal(t, linklayer.DropNone, linklayer.Parse(frame, false, &p))
			asked[k] = netip.AddrFrom16(p.ARP.TargetIP).Unmap()
		})
		ins = append(ins, Interface{
			Device:  link.End(0),
			Sources: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(k), 0, 1}), 32)},
			OnLink:  []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(k), 0, 0}), 16)},
		})
	}
	c, err := New(Config{Manual: true, Interfaces: ins}, func(*Worker) Handler { return nothing{} })
	require.NoError(t, err)
	require.NoError(t, c.Start())
	require.Equal(t, 2, c.Workers())
	errs := make([]error, 3)
	c.Open([]Open{
		{Remote: netip.MustParseAddrPort("10.1.0.9:80")},
		{Remote: netip.MustParseAddrPort("10.0.0.9:80")},
		{Remote: netip.MustParseAddrPort("10.9.0.9:80")},
	}, errs)
	require.NoError(t, errs[0])
	require.NoError(t, errs[1])
	require.ErrorIs(t, errs[2], ErrNoRoute)
	for range 3 {
		c.Step()
		links[0].Clock().Advance(0)
		links[1].Clock().Advance(0)
	}
	require.Equal(t, map[int]netip.Addr{0: netip.MustParseAddr("10.0.0.9"), 1: netip.MustParseAddr("10.1.0.9")}, asked)
	done, cancel := context.WithCancel(context.Background())
	cancel()
	c.Close(done)
}

func TestTimeWaitListStaysShort(t *testing.T) {
	s := newScript(t, Config{TimeWait: 10 * time.Millisecond})
	for range 200 {
		id := s.establish(Open{})
		require.NoError(t, s.close(id, Fin))
		s.want(fFIN|fACK, 1, 1, "")
		s.send(fACK|fFIN, 1, 2, "")
		s.want(fACK, 2, 2, "")
		s.pass(20 * time.Millisecond)
		s.log.events = nil
	}
	require.LessOrEqual(t, s.log.w.waits.len(), 2)
}
