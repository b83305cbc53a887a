package state

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/internal/bounded"
)

type position struct {
	Index  uint64 `json:"index"`
	Window Window `json:"window"`
}

func identity() Identity {
	return Identity{Program: "scan", Version: 3, Settings: map[string]string{"-ports": "80", "-seed": "1"}}
}

func TestGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "dir")
	d, err := Open(path, identity())
	require.NoError(t, err)
	require.False(t, d.Resumed())
	var p position
	require.NoError(t, d.Position(&p))
	require.Zero(t, p.Index)
	p.Index = 7
	p.Window.Done(3)
	require.NoError(t, d.Save(&p))
	require.NoError(t, d.Close())

	d, err = Open(path, identity())
	require.NoError(t, err)
	require.True(t, d.Resumed())
	require.False(t, d.Finished())
	p = position{}
	require.NoError(t, d.Position(&p))
	require.EqualValues(t, 7, p.Index)
	require.True(t, p.Window.Has(3))
	require.NoError(t, d.Finish(&p))
	require.NoError(t, d.Close())

	d, err = Open(path, identity())
	require.NoError(t, err)
	require.True(t, d.Finished())
	require.NoError(t, d.Close())
	require.NoFileExists(t, filepath.Join(path, fileName+".new"))
}

// What is refused has a named reason, and is still there afterwards.
func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Identity)
		edit   func(string) string
		want   []string
	}{
		{name: "another setting", change: func(id *Identity) { id.Settings["-ports"] = "443" }, want: []string{"-ports", `"80"`, `"443"`}},
		{name: "a setting more", change: func(id *Identity) { id.Settings["-shards"] = "2" }, want: []string{"-shards"}},
		{name: "another program", change: func(id *Identity) { id.Program = "dnswalk" }, want: []string{"another program, scan"}},
		{name: "another version", change: func(id *Identity) { id.Version = 4 }, want: []string{"version 3", "is 4"}},
		{name: "another format", edit: func(s string) string { return strings.Replace(s, `"format":1`, `"format":2`, 1) }, want: []string{"format 2"}},
		{name: "damage", edit: func(s string) string { return strings.Replace(s, `"index":7`, `"index":8`, 1) }, want: []string{"the sum is wrong"}},
		{name: "half", edit: func(s string) string { return s[:len(s)/2] }, want: []string{"damaged"}},
		{name: "nothing", edit: func(string) string { return "" }, want: []string{"damaged"}},
		{name: "something else", edit: func(string) string { return "{}" }, want: []string{"none of ours"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := t.TempDir()
			d, err := Open(path, identity())
			require.NoError(t, err)
			require.NoError(t, d.Save(&position{Index: 7}))
			require.NoError(t, d.Close())
			file := filepath.Join(path, fileName)
			if test.edit != nil {
				content, err := os.ReadFile(file)
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(file, []byte(test.edit(string(content))), 0o644))
			}
			before, err := os.ReadFile(file)
			require.NoError(t, err)
			id := identity()
			if test.change != nil {
				test.change(&id)
			}
			_, err = Open(path, id)
			require.ErrorIs(t, err, ErrRefused)
			for _, part := range append(test.want, "-state "+path) {
				require.ErrorContains(t, err, part)
			}
			after, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, before, after)
		})
	}
}

func TestOneProcessAtATime(t *testing.T) {
	path := t.TempDir()
	d, err := Open(path, identity())
	require.NoError(t, err)
	_, err = Open(path, identity())
	require.ErrorIs(t, err, ErrRefused)
	require.ErrorContains(t, err, "another process")
	require.NoError(t, d.Close())
}

func TestNoDirectoryIsAWriteError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, nil, 0o644))
	_, err := Open(path, identity())
	require.ErrorIs(t, err, ErrWrite)
}

func TestWindowAgainstAMap(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 4 {
		var w Window
		done := map[uint64]bool{}
		for low := uint64(0); low < 2000; {
			n := low + random.Uint64N(200)
			w.Done(n)
			done[n] = true
			for done[low] {
				low++
			}
			require.Equal(t, low, w.Low())
			require.EqualValues(t, len(done), w.Count())
			for k := range uint64(30) {
				n := max(low, 10) - 10 + 7*k
				require.Equal(t, done[n], w.Has(n), n)
			}
			if random.IntN(50) == 0 {
				text, err := json.Marshal(&w)
				require.NoError(t, err)
				w = Window{}
				require.NoError(t, json.Unmarshal(text, &w))
			}
		}
	}
}

func FuzzWindow(f *testing.F) {
	f.Add([]byte(`{"first":64,"words":"AAAAAAAAAAE="}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		bounded.Input(t, 64<<20, func() {
			var w Window
			if json.Unmarshal(text, &w) == nil {
				require.False(t, w.Has(w.Low()))
			}
		})
	})
}
