package simlink

import (
	"testing"

	"myriad/iobackend"
)

func BenchmarkFrame(b *testing.B) {
	l, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	from, to := l.End(0).Queue(0), l.End(1).Queue(0)
	var f [64]iobackend.Frame
	b.ReportAllocs()
	for i := 0; i < b.N; i += len(f) {
		n := from.Reserve(f[:])
		for j := range n {
			f[j].Data = f[j].Data[:60]
		}
		from.Transmit(f[:n])
		n, _, _ = to.Receive(f[:])
		to.Release(f[:n])
	}
}
