package demoweb

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"myriad/internal/bounded"
)

// FuzzAnswer: whatever is asked, the name server is silent or answers with a
// message.
func FuzzAnswer(f *testing.F) {
	w := Default(1, 1000, 100)
	for _, name := range []string{hostName(0) + ".", hostName(2) + ".", Zone + ".", "nobody." + Zone + "."} {
		q := dnsmessage.Message{Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}}
		b, err := q.Pack()
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, query []byte) {
		bounded.Input(t, 64<<20, func() {
			b, err := w.answer(query)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			require.NoError(t, m.Unpack(b))
			require.True(t, m.Response)
		})
	})
}
