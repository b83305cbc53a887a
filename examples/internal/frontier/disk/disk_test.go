package disk

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/stretchr/testify/require"

	"myriad/examples/internal/frontier"
	"myriad/examples/internal/frontier/storetest"
)

func open(t *testing.T, o Options) *Store {
	s, err := Open(o)
	require.NoError(t, err)
	return s
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Open {
		dir := t.TempDir()
		return func(t *testing.T) frontier.Store { return open(t, Options{Dir: dir}) }
	})
}

func TestInMemory(t *testing.T) {
	s := open(t, Options{})
	defer s.Close()
	require.NoError(t, s.Start(func(string) {}))
	n, err := s.Add([]frontier.Link{{URL: "http://a.test/"}})
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

func TestOneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	defer open(t, Options{Dir: dir}).Close()
	_, err := Open(Options{Dir: dir})
	require.ErrorIs(t, err, frontier.ErrInUse)
}

func TestAStoreOfAnotherVersionIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	require.NoError(t, s.db.Set(keyVersion, []byte("myriad frontier 0"), pebble.Sync))
	require.NoError(t, s.Close())
	_, err := Open(Options{Dir: dir})
	require.ErrorIs(t, err, frontier.ErrVersion)
	require.ErrorContains(t, err, `"myriad frontier 0"`)
	require.ErrorContains(t, err, "another folder")
}

func TestAHostHasNoMoreThanItsShare(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir, PerHost: 3})
	require.NoError(t, s.Start(func(string) {}))
	for day := range 10 {
		_, err := s.Add([]frontier.Link{{URL: fmt.Sprintf("http://calendar.test/%d", day)}, {URL: fmt.Sprintf("http://h%d.test/", day)}})
		require.NoError(t, err)
	}
	require.Equal(t, frontier.StoreCounts{Seen: 13, Left: 13, LeftOut: 7}, s.Counts())
	require.NoError(t, s.Close())
	s = open(t, Options{Dir: dir, PerHost: 3})
	defer s.Close()
	require.NoError(t, s.Start(func(string) {}))
	_, err := s.Add([]frontier.Link{{URL: "http://calendar.test/again"}})
	require.NoError(t, err)
	require.Equal(t, frontier.StoreCounts{Seen: 13, Left: 13, LeftOut: 8}, s.Counts())
}
