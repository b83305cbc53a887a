package sim

import (
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/iobackend/simlink"
	"myriad/linklayer"
	"myriad/tcpclient"
)

// newDuel draws a world of honest connections and of hostile ones that know
// one greeting and one trick alone.
func newDuel(seed uint64, answer greeting, tricks ...trick) *scenario {
	s := &scenario{seed: seed, start: time.Hour, queues: 1, steer: simlink.SteerFirst, harmless: true}
	m := &maker{rand.New(rand.NewPCG(seed, 8)), s}
	m.wire()
	m.client()
	for k := range 9 {
		hostile := k%3 != 0
		m.dial(k, hostile)
		if hostile {
			p := s.servers[k].(*hostilePlan)
			p.answer, p.tricks = answer, tricks
			p.total = m.between(1000, 50_000)
		}
	}
	return s
}

func duel(t *testing.T, answer greeting, tricks ...trick) (played int) {
	t.Helper()
	first, count := worlds(20)
	if testing.Short() {
		count = 2
	}
	for seed := first; seed < first+min(count, 200); seed++ {
		s := newDuel(seed, answer, tricks...)
		_, err := s.run(nil)
		if err != nil {
			reportRun(t, t.Name(), seed, err, func(capture io.Writer) { _, _ = newDuel(seed, answer, tricks...).run(capture) })
			t.FailNow()
		}
		for k := range s.dials {
			if h, ok := s.dials[k].peer.(*hostile); ok {
				played += h.played
			}
		}
	}
	return played
}

// Every trick by itself, and honest connections beside it, which lose nothing.
func TestEachTrick(t *testing.T) {
	for _, trick := range tricks {
		t.Run(trick.name, func(t *testing.T) {
			require.NotZero(t, duel(t, answers[0], trick), "it was never played")
		})
	}
}

func TestEachGreeting(t *testing.T) {
	for _, answer := range answers {
		t.Run(answer.name, func(t *testing.T) {
			duel(t, answer, tricks...)
		})
	}
}

// An application that closes with FinDiscard before the peer has, and whose
// peer takes the FIN, sends none, and resets the connection some time later,
// hears of that.
func TestResetAfterDiscardIsHeard(t *testing.T) {
	reset := trick{"resets late", func(h *hostile) {
		h.send(h.empty(linklayer.ACK))
		if h.random.IntN(4) == 0 {
			exactRST(h)
		}
	}}
	heard := 0
	for seed := uint64(1); seed <= 20; seed++ {
		plan := func() *scenario {
			s := newDuel(seed, answers[0], reset)
			for k := range s.dials {
				if p, ok := s.servers[k].(*hostilePlan); ok {
					d := &s.dials[k]
					d.send, d.request, d.up, d.resetAt = 1, false, 1, -1
					d.closeUp, d.discard, d.unheard, p.honest = true, true, true, 0
				}
			}
			return s
		}
		r, err := plan().run(nil)
		if err != nil {
			reportRun(t, t.Name(), seed, err, func(capture io.Writer) { _, _ = plan().run(capture) })
			t.FailNow()
		}
		heard += r.Failed[tcpclient.ResetByPeer]
	}
	require.NotZero(t, heard)
}
