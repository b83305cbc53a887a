package shards

import (
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"myriad/examples/internal/state"
)

// serve starts a server in a folder; port -1 is any.
func serve(t *testing.T, dir string, port int) *server.Server {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true})
	require.NoError(t, err)
	s.Start()
	require.True(t, s.ReadyForConnections(30*time.Second))
	return s
}

// folder is one that the server may still write to while it ends.
func folder(t *testing.T) string {
	dir, err := os.MkdirTemp("", "nats-test")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func options(s *server.Server) Options {
	return Options{
		URL: s.ClientURL() + "/some", Plan: Plan{Parts: 7, Seed: 5}, Lease: 2 * time.Second,
		Identity: state.Identity{Program: "test", Version: 1, Settings: map[string]string{"-type": "a"}},
	}
}

func join(t *testing.T, s *server.Server, change func(*Options)) *Run {
	o := options(s)
	if change != nil {
		change(&o)
	}
	r, err := Join(t.Context(), o)
	require.NoError(t, err)
	return r
}

// place is where the tests' work stands in a part.
type place struct{ Next int }

const size = 100 // of a part

// work does parts until all are finished or after returns false, and counts what
// it did.
func work(t *testing.T, r *Run, after func(done int) bool, count func(part, k int)) {
	done := 0
	for {
		p, err := r.Next(t.Context())
		if err == io.EOF {
			return
		}
		require.NoError(t, err)
		var at place
		require.NoError(t, p.Position(&at))
		for at.Next < size {
			for range 10 {
				count(p.Number, at.Next)
				at.Next++
			}
			if done++; !after(done) {
				return // dead: its last ten are kept by nobody
			}
			require.NoError(t, p.Save(at))
		}
		require.NoError(t, p.Finish(at))
	}
}

// Three processes, one of which dies in the middle of a part without a word: all
// is done, and twice only what came after its last checkpoint.
func TestThreeAndOneDies(t *testing.T) {
	s := serve(t, folder(t), -1)
	defer s.Shutdown()
	var mu sync.Mutex
	counts := map[[2]int]int{}
	count := func(part, k int) {
		mu.Lock()
		defer mu.Unlock()
		counts[[2]int{part, k}]++
	}
	runs := make([]*Run, 3)
	for k := range runs {
		runs[k] = join(t, s, func(o *Options) { o.Plan = Plan{Parts: 7 + k, Seed: uint64(5 + k)} })
		require.Equal(t, Plan{Parts: 7, Seed: 5}, runs[k].Plan(), "the first decides")
	}
	work(t, runs[0], func(done int) bool { return done < 5 }, count)
	runs[0].conn.Close() // as a kill does
	runs[0].stop()
	var others sync.WaitGroup
	for _, r := range runs[1:] {
		others.Go(func() {
			defer r.Close()
			work(t, r, func(int) bool { return true }, count)
		})
	}
	others.Wait()
	require.Len(t, counts, 7*size)
	twice := 0
	for _, n := range counts {
		twice += n - 1
	}
	require.Equal(t, 10, twice)
}

// What is given back is taken at once, where it was left.
func TestGivenBack(t *testing.T) {
	s := serve(t, folder(t), -1)
	defer s.Shutdown()
	one := func(o *Options) { o.Plan.Parts = 1; o.Lease = time.Hour }
	a := join(t, s, one)
	p, err := a.Next(t.Context())
	require.NoError(t, err)
	require.NoError(t, p.Save(place{3}))
	a.Close()
	b := join(t, s, one)
	defer b.Close()
	p, err = b.Next(t.Context())
	require.NoError(t, err)
	var at place
	require.NoError(t, p.Position(&at))
	require.Equal(t, place{3}, at)
	require.NoError(t, p.Finish(place{size}))
	_, err = b.Next(t.Context())
	require.Equal(t, io.EOF, err)
}

// A process that stops for longer than a lease finds out that its part is
// another's, and does not write over that.
func TestLost(t *testing.T) {
	s := serve(t, folder(t), -1)
	defer s.Shutdown()
	one := func(o *Options) { o.Plan.Parts = 1; o.Lease = 500 * time.Millisecond }
	a, b := join(t, s, one), join(t, s, one)
	defer a.Close()
	defer b.Close()
	p, err := a.Next(t.Context())
	require.NoError(t, err)
	p.mu.Lock() // it stops
	q, err := b.Next(t.Context())
	require.NoError(t, err)
	p.mu.Unlock()
	require.ErrorIs(t, p.Save(place{1}), ErrLost)
	require.ErrorIs(t, p.Finish(place{1}), ErrLost)
	require.NoError(t, q.Finish(place{2}))
}

func TestRefused(t *testing.T) {
	s := serve(t, folder(t), -1)
	defer s.Shutdown()
	defer join(t, s, nil).Close()
	for text, change := range map[string]func(*Options){
		`-type was "a", and is "b" now`:   func(o *Options) { o.Identity.Settings = map[string]string{"-type": "b"} },
		"version 1, this program's is 2":  func(o *Options) { o.Identity.Version = 2 },
		"no address of a server":          func(o *Options) { o.URL = "192.0.2.1:4222" },
		"use up to 40 letters":            func(o *Options) { o.URL = "nats://127.0.0.1/a.b" },
		"connect to nats://127.0.0.1:1: ": func(o *Options) { o.URL = "nats://me:secret@127.0.0.1:1/x" },
	} {
		o := options(s)
		change(&o)
		_, err := Join(t.Context(), o)
		require.ErrorContains(t, err, text)
		require.NotContains(t, err.Error(), "secret")
	}
}

// The server goes away: writes wait, work is told to rest; when it comes back all
// goes on, and nobody has lost a part. When it stays away, there is an end.
func TestTheServerGoesAway(t *testing.T) {
	dir := folder(t)
	s := serve(t, dir, -1)
	port := s.Addr().(*net.TCPAddr).Port
	holds, told := make(chan bool, 10), make(chan string, 10)
	r := join(t, s, func(o *Options) {
		o.Hold, o.Log, o.AwayMax = func(rest bool) { holds <- rest }, func(text string) { told <- text }, 12*time.Second
	})
	defer r.Close()
	p, err := r.Next(t.Context())
	require.NoError(t, err)
	require.NoError(t, p.Save(place{1}))
	s.Shutdown()
	s.WaitForShutdown()
	require.Contains(t, <-told, "away")
	saved := make(chan error, 1)
	go func() { saved <- p.Save(place{2}) }()
	require.True(t, <-holds)
	require.Empty(t, saved)
	s = serve(t, dir, port)
	require.NoError(t, <-saved)
	require.Contains(t, <-told, "back")
	require.False(t, <-holds)
	s.Shutdown()
	s.WaitForShutdown()
	require.ErrorIs(t, p.Save(place{3}), ErrAway)
}
