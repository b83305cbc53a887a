package sim

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/iobackend/simlink"
	"myriad/linklayer"
	"myriad/tcpclient"
)

// newPlain draws a world of one connection to which nothing happens: 1,000
// bytes up, 5,000 down. change plants a fault in it.
func newPlain(change func(d *dialPlan, p *serverPlan)) *scenario {
	s := &scenario{seed: 1, start: time.Hour, queues: 1, steer: simlink.SteerFirst, harmless: true}
	m := &maker{rand.New(rand.NewPCG(1, 9)), s}
	m.wire()
	m.client()
	m.dial(0, false)
	d, p := &s.dials[0], s.servers[0].(*serverPlan)
	*d = dialPlan{
		remote: d.remote, up: d.up, down: d.down, honest: true, resetAt: -1,
		send: 1000, chunk: 1000, expect: 5000, closeUp: true,
	}
	p.up, p.expect, p.total, p.stalls, p.sendAt, p.closeBy = d.up, d.send, d.expect, 0, 0, true
	if change != nil {
		change(d, p)
	}
	return s
}

// A simulation that finds nothing may be one that looks at nothing: here each
// judge has a fault before him that he must see, and says so again when the
// same world runs again.
func TestPlantedFaultsAreFound(t *testing.T) {
	_, err := newPlain(nil).run(nil)
	require.NoError(t, err)
	for want, change := range map[string]func(d *dialPlan, p *serverPlan){
		"wrong bytes were delivered, at 0":             func(_ *dialPlan, p *serverPlan) { p.down++ },
		"ended in order after 4999 bytes of 5000":      func(_ *dialPlan, p *serverPlan) { p.total-- },
		"more bytes were delivered than":               func(_ *dialPlan, p *serverPlan) { p.total++ },
		"saw: other bytes than were sent, at 0":        func(_ *dialPlan, p *serverPlan) { p.up++ },
		"saw: FIN after 1000 bytes of 1001":            func(_ *dialPlan, p *serverPlan) { p.expect++ },
		"saw: bytes 0 to":                              func(_ *dialPlan, p *serverPlan) { p.expect = 1 },
		"is stuck: 1000 of 1000 bytes sent, 0 of 5000": func(d *dialPlan, p *serverPlan) { p.sendAt, d.closeUp, p.closeBy = 2000, false, false },
	} {
		var first, second bytes.Buffer
		a, err := newPlain(change).run(&first)
		require.ErrorContains(t, err, want)
		b, again := newPlain(change).run(&second)
		require.EqualError(t, again, err.Error())
		require.Equal(t, a.Hash, b.Hash)
		uncaptured, _ := newPlain(change).run(nil)
		require.Equal(t, a.Hash, uncaptured.Hash, "to watch changes nothing")
		require.NotEmpty(t, first.Bytes())
		require.True(t, bytes.Equal(first.Bytes(), second.Bytes()), "the capture of a failure is that of the failure")
	}
}

// A reset that the peer keeps to itself is an end without a reason.
func TestUntrueReasonIsFound(t *testing.T) {
	secret := trick{"resets in secret", func(h *hostile) {
		g := h.empty(linklayer.RST)
		g.seq = h.at(h.acked)
		h.sendFalse(g)
	}}
	for seed := uint64(1); ; seed++ {
		require.Less(t, seed, uint64(50), "no reset was ever taken")
		if _, err := newDuel(seed, answers[0], secret).run(nil); err != nil {
			require.ErrorContains(t, err, `failed as "reset"`)
			require.ErrorContains(t, err, "the peer sent no RST where it counts")
			return
		}
	}
}

// Bytes that come while the application has paused are found: here it thinks
// that it has, and did not say so.
func TestDeliveryDuringPauseIsFound(t *testing.T) {
	w, err := newWorld(newPlain(nil), nil)
	require.NoError(t, err)
	c := w.app.conns[0]
	c.paused, c.pausedAt = true, w.link.Clock().Now()
	require.ErrorContains(t, w.run(), "connection 0: bytes were delivered during Pause")
	_ = w.shut() // there is a connection left, as was to be
}

// A deadline that passes unnoticed is found while it does.
func TestOverdueIsFound(t *testing.T) {
	s := newPlain(func(_ *dialPlan, p *serverPlan) { p.sendAt = 2000 })
	w, err := newWorld(s, nil)
	require.NoError(t, err)
	w.link.Clock().After(time.Minute, func() { w.app.conns[0].plan.timeout = 30 * time.Second })
	require.ErrorContains(t, w.run(), "connection 0 has outlived its deadline of 30s")
	_ = w.shut() // there is a connection left, as was to be
}

// An end for idleness counts from what was heard last, where the application
// held nothing back.
func TestUntrueIdleEndIsFound(t *testing.T) {
	c := conn{
		plan: &dialPlan{idle: time.Second, peer: &hostile{}}, end: tcpclient.Failed, reason: tcpclient.DeadlineExceeded,
		heardAt: 900 * time.Millisecond, endedAt: 1900 * time.Millisecond,
	}
	require.NoError(t, c.judge())
	c.heardAt = 950 * time.Millisecond
	require.ErrorContains(t, c.judge(), "no limit has passed")
	c.plan.pauses = 1
	require.NoError(t, c.judge())
}
