package tcpclient

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCheckChangedSeesWhatChanged: what goes wrong between two checks is found
// by the next, though it looks only at what looks otherwise.
func TestCheckChangedSeesWhatChanged(t *testing.T) {
	for want, spoil := range map[string]func(w *Worker, i uint32){
		"SND.UNA":                          func(w *Worker, i uint32) { w.table.At(i).SndUna = w.table.At(i).SndNxt + 1 },
		"timer needed: true, armed: false": func(w *Worker, i uint32) { w.wheel.Disarm(i) },
		"timer armed for":                  func(w *Worker, i uint32) { w.wheel.Arm(i, w.now+time.Hour) },
	} {
		s := newScript(t, Config{})
		i := s.establish(Open{Timeout: time.Minute}).Index()
		s.log.w.Send([]Send{{Conn: s.log.w.table.ID(i), Data: make([]byte, 5000)}}, make([]Sent, 1))
		s.settle()
		for range 3 {
			held, err := s.client.CheckChanged()
			require.NoError(t, err)
			require.Equal(t, 1, held.Connections)
			require.Equal(t, 1, held.Timers)
			require.Equal(t, 1, held.SideRecords)
		}
		whole, err := s.client.Check()
		require.NoError(t, err)
		changed, err := s.client.CheckChanged()
		require.NoError(t, err)
		require.Equal(t, whole, changed)
		before, timer := *s.log.w.table.At(i), s.link.Clock().Now()+time.Minute
		spoil(s.log.w, i)
		_, err = s.client.CheckChanged()
		require.ErrorContains(t, err, want)
		*s.log.w.table.At(i) = before
		s.log.w.wheel.Arm(i, timer)
	}
}
