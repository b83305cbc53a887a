package transact

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A reply on each connection finds room, within the bounds.
func TestReceiveFramesHoldAReplyOfEach(t *testing.T) {
	for _, c := range []struct{ connections, reply, want int }{
		{1, 64, framesMin}, {100, 65536, 8192}, {1000, 65536, 65536}, {10_000, 64, 32768}, {10_000, 65536, framesMax}, {2048, 64, 4096},
	} {
		require.Equal(t, c.want, receiveFrames(&Case{Connections: c.connections, ReplyBytes: c.reply}), "%+v", c)
	}
}
