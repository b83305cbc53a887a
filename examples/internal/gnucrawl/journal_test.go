package gnucrawl

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/gnutella"
	checkpoint "myriad/examples/internal/state"
	"myriad/internal/bounded"
)

func exampleEntries() (all []entry) {
	for k := range 20 {
		e := entry{address: gnutella.Address(k+1)<<16 | 6346, agent: []byte("gtk-gnutella"), record: record{
			status: 200, attempts: uint8(k), ultrapeer: k%2 == 0, liveSince: int64(k) * 1000,
		}}
		for n := range k {
			e.peers = append(e.peers, gnutella.Address(n+100)<<16|1)
			e.leaves = append(e.leaves, gnutella.Address(n+200)<<16|2)
		}
		all = append(all, e)
	}
	return all
}

// A journal that was cut off anywhere has the entries before that, and takes
// others behind them.
func TestJournalCutAnywhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, err := OpenJournal(path)
	require.NoError(t, err)
	var b []byte
	var ends []int
	for _, e := range exampleEntries() {
		b = appendEntry(b, &e)
		ends = append(ends, len(journalMagic)+len(b))
	}
	require.NoError(t, j.write(b))
	require.NoError(t, j.Close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for cut := 0; cut <= len(whole); cut += 7 {
		require.NoError(t, os.WriteFile(path, whole[:cut], 0o600))
		j, err := OpenJournal(path)
		require.NoError(t, err)
		count := 0
		want := exampleEntries()
		end, err := j.each(func(e *entry) error {
			require.Equal(t, want[count].address, e.address)
			require.Equal(t, want[count].record, e.record)
			require.Equal(t, want[count].peers, append([]gnutella.Address(nil), e.peers...))
			require.Equal(t, want[count].leaves, append([]gnutella.Address(nil), e.leaves...))
			require.Equal(t, "gtk-gnutella", string(e.agent))
			count++
			return nil
		})
		require.NoError(t, err)
		require.LessOrEqual(t, int(end), max(cut, len(journalMagic)))
		complete := 0
		for _, e := range ends {
			if e <= cut {
				complete++
			}
		}
		require.Equal(t, complete, count, cut)
		require.NoError(t, j.Close())
	}
	require.NoError(t, os.WriteFile(path, []byte("something else, and long enough for a journal"), 0o600))
	_, err = OpenJournal(path)
	require.ErrorIs(t, err, checkpoint.ErrRefused)
}

// Nothing that a disk may give back makes more of it than an error.
func FuzzEntry(f *testing.F) {
	for _, e := range exampleEntries()[:3] {
		b := appendEntry(nil, &e)
		f.Add(b[4 : len(b)-4])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		bounded.Input(t, 16<<20, func() {
			var e entry
			if e.parse(b) == nil {
				again := appendEntry(nil, &e)
				var f entry
				require.NoError(t, f.parse(again[4:len(again)-4]))
			}
		})
	})
}
