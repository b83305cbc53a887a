package irlstack

import (
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/iobackend"
)

func BenchmarkStandInPipe(b *testing.B) {
	benchmarkEcho(b, func(b *testing.B, s *StandIn, c iobackend.Config, o Options) iobackend.Device {
		c.Interface = NewPipe(b, s).Name
		d, err := OpenWith(c, o)
		require.NoError(b, err)
		return d
	})
}
