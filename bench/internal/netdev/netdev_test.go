package netdev

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	const text = "Inter-|   Receive\n face |bytes\n  near0: 1 2 3 44 5 6 7 8 9 10 11 122 13 14 15 16\n"
	c, err := parse(text, "near0")
	require.NoError(t, err)
	require.Equal(t, Counters{ReceivedBytes: 1, Received: 2, ReceiveDrops: 44, SentBytes: 9, Sent: 10, SendDrops: 122}, c)
	require.Equal(t, Counters{ReceiveDrops: 4, SendDrops: 22}, c.Since(Counters{1, 2, 40, 9, 10, 100}))
	_, err = parse(text, "near")
	require.ErrorContains(t, err, "no such interface")
	_, err = parse("near: 1 2\n", "near")
	require.ErrorContains(t, err, "2 numbers")
	_, err = parse("near: 1 2 3 4 5 6 7 8 9 x 11 12 13 14 15 16\n", "near")
	require.ErrorContains(t, err, `"x"`)
}
