package irlstack_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/iobackend/irlstack"
	"myriad/tcpclient"
)

func openStandIn(t *testing.T, s *irlstack.StandIn) tcpclient.Interface {
	t.Helper()
	c := openConfig()
	c.Interface = irlstack.NewPipe(t, s).Name
	device, err := irlstack.Open(c)
	require.NoError(t, err)
	return tcpclient.Interface{Device: device}
}

func TestTransferOverAPipe(t *testing.T) {
	s := &irlstack.StandIn{Far: far, Flags: irlstack.FlagChecksumOK}
	c := visitAll(t, openStandIn(t, s), 1, 3_000_000)
	require.Zero(t, c.DropInvalid+c.DropTransmit)
	require.Zero(t, s.Bad().Total())
}

func TestThousandsOfConnectionsOverAPipe(t *testing.T) {
	s := &irlstack.StandIn{Far: far}
	c := visitAll(t, openStandIn(t, s), 10_000, 300)
	require.Zero(t, c.DropInvalid+c.DropTransmit)
	require.GreaterOrEqual(t, c.FramesSent, uint64(3*10_000))
	require.Zero(t, s.Bad().Total())
}
