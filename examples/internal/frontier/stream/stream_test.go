package stream

import (
	"context"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"myriad/examples/internal/frontier"
	"myriad/examples/internal/frontier/storetest"
)

// serve starts a server in a folder; port -1 is any.
func serve(t *testing.T, dir string, port int) *server.Server {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true})
	require.NoError(t, err)
	s.Start()
	require.True(t, s.ReadyForConnections(30*time.Second))
	return s
}

func join(t *testing.T, s *server.Server, name string) *Cluster {
	c, err := Join(Options{URL: s.ClientURL() + "/" + name, Lease: 2 * time.Second, AckWait: 2 * time.Second})
	require.NoError(t, err)
	return c
}

func TestConformance(t *testing.T) {
	s := serve(t, t.TempDir(), -1)
	defer s.Shutdown()
	crawls := 0
	storetest.Run(t, func(t *testing.T) storetest.Open {
		crawls++
		name := fmt.Sprintf("crawl%d", crawls)
		return func(t *testing.T) frontier.Store { return NewStore(join(t, s, name)) }
	})
}

func TestWrongAddresses(t *testing.T) {
	for _, u := range []string{"", "192.0.2.1:4222", "http://192.0.2.1", "nats://", "nats://127.0.0.1/a.b", "nats://127.0.0.1:1/x"} {
		_, err := Join(Options{URL: u})
		require.Error(t, err, u)
	}
}

// TestNoPasswordInErrors has addresses with one fail, each in a way of its own.
func TestNoPasswordInErrors(t *testing.T) {
	for _, u := range []string{
		"nats://crawler:hunter2@127.0.0.1:1/x", "nats://crawler:hunter2@127.0.0.1:1/a.b",
		"http://crawler:hunter2@127.0.0.1:1/x", "nats://crawler:hunter2@127.0.0.1:port/x",
		"nats://crawler:hunter2@127.0.0.1:1/%", "crawler:hunter2@127.0.0.1:1/x", "nats://hunter2@127.0.0.1:1/x",
	} {
		_, err := Join(Options{URL: u})
		require.Error(t, err)
		require.NotContains(t, err.Error(), "hunter2", u)
	}
}

func TestACrawlOfAnotherVersionIsRefused(t *testing.T) {
	s := serve(t, t.TempDir(), -1)
	defer s.Shutdown()
	c := join(t, s, "one")
	defer c.Close()
	_, err := c.conn.JS.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "two-seen", Description: "myriad frontier 0"})
	require.NoError(t, err)
	_, err = Join(Options{URL: s.ClientURL() + "/two"})
	require.ErrorIs(t, err, frontier.ErrVersion)
	require.ErrorContains(t, err, "another name")
}

// TestTheServerGoesAway stops the server in the middle, and starts it again.
func TestTheServerGoesAway(t *testing.T) {
	dir, err := os.MkdirTemp("", "nats-test") // the server may still write while it ends
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := serve(t, dir, -1)
	port := s.Addr().(*net.TCPAddr).Port
	told := make(chan string, 10)
	c, err := Join(Options{URL: s.ClientURL(), Log: func(text string) { told <- text }})
	require.NoError(t, err)
	store := NewStore(c)
	require.NoError(t, store.Start(func(string) {}))
	defer store.Close()
	_, err = store.Add([]frontier.Link{{URL: "http://a.test/1"}})
	require.NoError(t, err)
	s.Shutdown()
	s.WaitForShutdown()
	require.Contains(t, <-told, "away")
	require.True(t, c.Away())
	added := make(chan error, 1)
	go func() {
		_, err := store.Add([]frontier.Link{{URL: "http://a.test/2"}})
		added <- err
	}()
	select {
	case err := <-added:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(500 * time.Millisecond):
	}
	s = serve(t, dir, port)
	defer s.Shutdown()
	require.NoError(t, <-added)
	require.Contains(t, <-told, "back")
	require.Eventually(t, func() bool { return store.Counts() == frontier.StoreCounts{Seen: 2, Left: 2} }, time.Minute, 10*time.Millisecond)
}

// TestResultsOfAll has two processes give results, one of them twice, and a
// third follow.
func TestResultsOfAll(t *testing.T) {
	s := serve(t, t.TempDir(), -1)
	defer s.Shutdown()
	a, b := join(t, s, "crawl"), join(t, s, "crawl")
	defer a.Close()
	defer b.Close()
	for n := range 100 {
		require.NoError(t, a.PutResult(fmt.Sprint("http://a.test/", n), fmt.Append(nil, "a", n)))
		require.NoError(t, b.PutResult(fmt.Sprint("http://a.test/", n/2), fmt.Append(nil, "b", n)))
	}
	ended := make(chan struct{})
	go func() {
		for n := range 50 {
			_ = b.PutResult(fmt.Sprint("http://b.test/", n), fmt.Append(nil, "c", n))
		}
		close(ended)
	}()
	var got []string
	require.NoError(t, a.Follow(t.Context(), 0, ended, func(line []byte) error {
		got = append(got, string(line))
		return nil
	}))
	require.Len(t, got, 150)
	rest := 0
	require.NoError(t, b.Follow(t.Context(), 140, ended, func(line []byte) error {
		require.Equal(t, got[140+rest], string(line))
		rest++
		return nil
	}))
	require.Equal(t, 10, rest)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, a.Follow(ctx, 150, nil, nil), context.DeadlineExceeded)
}

// TestABucketOfTheDeadGoesToOthers has a process that holds everything stop
// renewing without a word.
func TestABucketOfTheDeadGoesToOthers(t *testing.T) {
	s := serve(t, t.TempDir(), -1)
	defer s.Shutdown()
	dead := NewStore(join(t, s, "crawl"))
	taken := make(chan string, 1)
	require.NoError(t, dead.Start(func(site string) {
		if site != "" {
			taken <- site
		}
	}))
	_, err := dead.Add([]frontier.Link{{URL: "http://a.test/1"}})
	require.NoError(t, err)
	items, err := dead.Take(<-taken, 0, 1)
	require.NoError(t, err)
	require.Len(t, items, 1)
	dead.conn.Close() // as a kill does

	heir := NewStore(join(t, s, "crawl"))
	again := make(chan string, 10)
	require.NoError(t, heir.Start(func(site string) {
		if site != "" {
			again <- site
		}
	}))
	defer heir.Close()
	items, err = heir.Take(<-again, 0, 1)
	require.NoError(t, err)
	require.Equal(t, "http://a.test/1", items[0].URL)
	require.NoError(t, heir.Finish(items[0], nil))
	require.Eventually(t, func() bool { return heir.Counts().Left == 0 }, time.Minute, 10*time.Millisecond)
	require.NoError(t, dead.Close())
}
