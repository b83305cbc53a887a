package demoweb

import (
	"bytes"
	"net/url"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/page"
	"myriad/examples/internal/weburl"
)

func body(p *Page) []byte {
	var b bytes.Buffer
	for piece := range p.Pieces {
		b.Write(piece)
	}
	return b.Bytes()
}

func TestDeterminism(t *testing.T) {
	a, b, other := Default(7, 500, 20), Default(7, 500, 20), Default(8, 500, 20)
	same := 0
	for p := range 500 {
		require.Equal(t, a.PageAt(p), b.PageAt(p))
		if slices.Equal(a.PageAt(p).Links, other.PageAt(p).Links) {
			same++
		}
	}
	require.Less(t, same, 500, "another seed is another web")
}

// TestAPageIsWhatItSays parses the bytes of every page of a web.
func TestAPageIsWhatItSays(t *testing.T) {
	w := Default(1, 2000, 256)
	smallest, largest, slow, chunked, closing := 1<<30, 0, 0, 0, 0
	for p := range w.Pages {
		made := w.PageAt(p)
		content := body(made)
		require.Len(t, content, made.Bytes)
		base, err := url.Parse(w.PageURL(p))
		require.NoError(t, err)
		require.Equal(t, made.Links, page.Links(content, "text/html; charset=utf-8", base), "page %d", p)
		smallest, largest = min(smallest, made.Bytes), max(largest, made.Bytes)
		if made.Delay > 0 {
			slow++
		}
		if made.Chunked {
			chunked++
		}
		if made.Close {
			closing++
		}
	}
	require.InDelta(t, bytesMin, smallest, 20)
	require.Greater(t, largest, 2<<20)
	require.NotZero(t, slow)
	require.NotZero(t, chunked)
	require.NotZero(t, closing)
}

// TestEverythingIsReached follows the links from the root, and arrives at what
// Each says and at nothing else.
func TestEverythingIsReached(t *testing.T) {
	for _, w := range []Web{Default(1, 1, 1), Default(2, 100, 7), Default(3, 3000, 256)} {
		want, pages := map[string]Outcome{}, map[string]int{}
		for u, o := range w.Each {
			again, err := weburl.Parse(u)
			require.NoError(t, err)
			require.Equal(t, again, u, "canonical")
			require.NotContains(t, want, u, "each once")
			want[u] = o
		}
		require.Len(t, want, w.Count())
		for p := range w.Pages {
			pages[w.PageURL(p)] = p
		}
		got := map[string]bool{w.Root(): true}
		for queue := []string{w.Root()}; len(queue) > 0; queue = queue[1:] {
			p, is := pages[queue[0]]
			if !is {
				continue
			}
			for _, l := range w.PageAt(p).Links {
				if !got[l] {
					got[l] = true
					queue = append(queue, l)
				}
			}
		}
		require.Len(t, got, len(want))
		for u := range got {
			require.Contains(t, want, u)
		}
	}
}

func TestNames(t *testing.T) {
	w := Default(1, 100, 10)
	addr, ok := w.NameAddr("W4.Demo.Test.")
	require.True(t, ok)
	require.Equal(t, w.HostAddr(4), addr)
	require.Equal(t, 4, w.hostOf(addr))
	for _, name := range []string{"w3.demo.test", "w10.demo.test", "w04.demo.test", "w-2.demo.test", "nx0.demo.test", "w4.test", "demo.test", ""} {
		_, ok := w.NameAddr(name)
		require.False(t, ok, name)
	}
}
