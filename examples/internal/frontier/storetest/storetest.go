// Package storetest is what every frontier.Store must pass.
package storetest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/frontier"
	"myriad/examples/internal/weburl"
)

// Open opens the store under test. Within one test it is called again after
// Close, or after Kill, and finds what was there.
type Open func(t *testing.T) frontier.Store

// patience is how long a store may take to tell what was added.
const patience = 30 * time.Second

// Run runs all tests. fresh prepares a store that is empty, and returns how to
// open it.
func Run(t *testing.T, fresh func(t *testing.T) Open) {
	for name, test := range map[string]func(*testing.T, Open){
		"each link once":            eachOnce,
		"what is taken is given":    depthsAndRedirects,
		"finished stays finished":   finishedStays,
		"unfinished comes again":    unfinishedComesAgain,
		"links come with their end": linksComeWithTheEnd,
		"many at a time":            manyAtATime,
	} {
		t.Run(name, func(t *testing.T) { test(t, fresh(t)) })
	}
}

// reader takes everything that a store hands out.
type reader struct {
	t     *testing.T
	store frontier.Store
	mu    sync.Mutex
	ready map[string]bool
	last  map[string]uint64
}

func start(t *testing.T, open Open) *reader {
	r := &reader{t: t, store: open(t), ready: make(map[string]bool), last: make(map[string]uint64)}
	require.NoError(t, r.store.Start(func(site string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if site != "" {
			r.ready[site] = true
		}
	}))
	return r
}

func (r *reader) site() (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for site := range r.ready {
		delete(r.ready, site)
		return site, true
	}
	return "", false
}

// take takes n items, waiting for them.
func (r *reader) take(n int) (items []frontier.Item) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); len(items) < n; {
		require.True(r.t, time.Now().Before(deadline), "%d of %d items came", len(items), n)
		site, ok := r.site()
		if !ok {
			time.Sleep(time.Millisecond)
			continue
		}
		some, err := r.store.Take(site, r.last[site], min(3, n-len(items)))
		require.NoError(r.t, err)
		require.LessOrEqual(r.t, len(some), 3)
		for _, it := range some {
			itsSite, _, _ := weburl.Split(it.URL)
			require.Equal(r.t, site, itsSite)
			r.last[site] = it.Seq
		}
		items = append(items, some...)
		if len(some) > 0 {
			r.mu.Lock()
			r.ready[site] = true // perhaps more
			r.mu.Unlock()
		}
	}
	require.Len(r.t, items, n)
	return items
}

func (r *reader) finish(items []frontier.Item) {
	r.t.Helper()
	for _, it := range items {
		require.NoError(r.t, r.store.Finish(it, nil))
	}
}

func (r *reader) requireLeft(n int) {
	r.t.Helper()
	require.Eventually(r.t, func() bool { return r.store.Counts().Left == n }, patience, time.Millisecond,
		"%d are left", r.store.Counts().Left)
}

func links(urls ...string) (all []frontier.Link) {
	for _, u := range urls {
		all = append(all, frontier.Link{URL: u})
	}
	return all
}

func urlsOf(items []frontier.Item) (all []string) {
	for _, it := range items {
		all = append(all, it.URL)
	}
	return all
}

func (r *reader) add(want int, urls ...string) {
	r.t.Helper()
	added, err := r.store.Add(links(urls...))
	require.NoError(r.t, err)
	require.Equal(r.t, want, added)
}

func eachOnce(t *testing.T, open Open) {
	r := start(t, open)
	defer r.store.Close()
	r.add(3, "http://a.test/", "http://a.test/2", "http://a.test/", "https://a.test/")
	r.add(1, "http://a.test/2", "http://b.test:81/?q=%20")
	items := r.take(4)
	require.ElementsMatch(t, []string{"http://a.test/", "http://a.test/2", "https://a.test/", "http://b.test:81/?q=%20"}, urlsOf(items))
	r.requireLeft(4)
	r.finish(items)
	r.add(0, "http://a.test/2", "http://a.test/")
	r.requireLeft(0)
	require.Equal(t, 4, r.store.Counts().Seen)
}

func depthsAndRedirects(t *testing.T, open Open) {
	r := start(t, open)
	defer r.store.Close()
	want := frontier.Link{URL: "http://a.test/x", Depth: 300, Redirects: 7}
	_, err := r.store.Add([]frontier.Link{want})
	require.NoError(t, err)
	require.Equal(t, want, r.take(1)[0].Link)
}

func finishedStays(t *testing.T, open Open) {
	r := start(t, open)
	r.add(2, "http://a.test/1", "http://b.test/1")
	r.finish(r.take(2))
	require.NoError(t, r.store.Close())
	r = start(t, open)
	defer r.store.Close()
	r.add(1, "http://a.test/1", "http://a.test/2", "http://b.test/1")
	items := r.take(1)
	require.Equal(t, []string{"http://a.test/2"}, urlsOf(items))
	r.finish(items)
	r.requireLeft(0)
	require.Equal(t, 3, r.store.Counts().Seen)
}

func unfinishedComesAgain(t *testing.T, open Open) {
	r := start(t, open)
	r.add(3, "http://a.test/1", "http://a.test/2", "http://b.test/1")
	items := r.take(3)
	require.NoError(t, r.store.Finish(items[0], nil))
	require.NoError(t, r.store.Close())
	r = start(t, open)
	defer r.store.Close()
	again := r.take(2)
	require.ElementsMatch(t, urlsOf(items[1:]), urlsOf(again))
	r.finish(again)
	r.requireLeft(0)
}

func linksComeWithTheEnd(t *testing.T, open Open) {
	r := start(t, open)
	defer r.store.Close()
	r.add(1, "http://a.test/")
	items := r.take(1)
	require.NoError(t, r.store.Finish(items[0], links("http://a.test/", "http://a.test/1", "http://c.test/1", "http://c.test/1")))
	more := r.take(2)
	require.ElementsMatch(t, []string{"http://a.test/1", "http://c.test/1"}, urlsOf(more))
	r.finish(more)
	r.requireLeft(0)
}

// manyAtATime lets goroutines walk a made-up web, each page of which links to
// others, and counts.
func manyAtATime(t *testing.T, open Open) {
	const pages, hosts, walkers = 1500, 20, 6
	pageURL := func(p int) string { return fmt.Sprintf("http://h%d.test/%d", p%hosts, p) }
	r := start(t, open)
	defer r.store.Close()
	r.add(1, pageURL(0))
	var walking sync.WaitGroup
	var mu sync.Mutex
	times := make(map[string]int)
	items := make(chan frontier.Item, pages)
	for k := range walkers {
		random := rand.New(rand.NewPCG(1, uint64(k)))
		walking.Go(func() {
			for it := range items {
				var host, p int
				if _, err := fmt.Sscanf(it.URL, "http://h%d.test/%d", &host, &p); err != nil {
					panic(err)
				}
				found := links(pageURL(random.IntN(pages)), pageURL(random.IntN(pages)))
				for _, child := range []int{2*p + 1, 2*p + 2} {
					if child < pages {
						found = append(found, links(pageURL(child))...)
					}
				}
				mu.Lock()
				times[it.URL]++
				mu.Unlock()
				if err := r.store.Finish(it, found); err != nil {
					panic(err)
				}
			}
		})
	}
	for range pages {
		items <- r.take(1)[0]
	}
	close(items)
	walking.Wait()
	require.Len(t, times, pages)
	r.requireLeft(0)
}
