package relay

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func tcpFrame(number int) []byte {
	f := make([]byte, 60)
	f[12], f[23], f[40] = 8, 6, byte(number)
	return f
}

func newLine() *line { return &line{random: rand.New(rand.NewPCG(1, 1))} }

func TestOrderIsKept(t *testing.T) {
	l, fates := newLine(), Fates{}
	for k := range 100 {
		l.take(tcpFrame(k), 0, &Impairment{Delay: time.Millisecond}, &fates)
	}
	require.Nil(t, l.first(time.Millisecond-1))
	for k := range 100 {
		require.Equal(t, tcpFrame(k), l.first(time.Millisecond))
		l.leave()
	}
	require.Nil(t, l.first(time.Millisecond))
	require.Equal(t, Fates{}, fates)
}

func TestFates(t *testing.T) {
	l, fates := newLine(), Fates{}
	const count = 10_000
	i := &Impairment{Lose: 100, Duplicate: 200, Reorder: 300, Late: time.Second}
	for k := range count {
		l.take(tcpFrame(k), time.Duration(k), i, &fates)
		l.take(make([]byte, 60), time.Duration(k), i, &fates) // ARP, say, has none of it
	}
	require.InDelta(t, count*100/1000, fates.Lost, 200)
	require.InDelta(t, count*900*200/1e6, fates.Duplicated, 300)
	require.InDelta(t, count*900*300/1e6, fates.Reordered, 300)
	require.Equal(t, 2*count-int(fates.Lost)+int(fates.Duplicated), len(l.frames))
	soon := 0
	for ; l.first(count) != nil; soon++ {
		l.leave()
	}
	require.Equal(t, 2*count-int(fates.Lost+fates.Reordered), soon)
}

func TestTooManyWaiting(t *testing.T) {
	l, fates := newLine(), Fates{}
	for range waitingMax + 3 {
		l.take(nil, 0, &Impairment{}, &fates)
	}
	require.EqualValues(t, 3, fates.Overflowed)
}
