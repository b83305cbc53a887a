package frontier_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"myriad/examples/internal/frontier"
	"myriad/examples/internal/weburl"
	"myriad/internal/bounded"
)

// plain is the simplest store.
type plain struct {
	mu    sync.Mutex
	ready func(string)
	seen  map[string]bool
	wait  map[string][]frontier.Item
	left  int
}

func (p *plain) Start(ready func(string)) error {
	p.ready = ready
	return nil
}

func (p *plain) Add(links []frontier.Link) (added int, err error) {
	var sites []string
	p.mu.Lock()
	for _, l := range links {
		if p.seen[l.URL] {
			continue
		}
		p.seen[l.URL] = true
		site, _, _ := weburl.Split(l.URL)
		p.wait[site] = append(p.wait[site], frontier.Item{Link: l, Seq: uint64(len(p.seen))})
		sites = append(sites, site)
		added++
		p.left++
	}
	p.mu.Unlock()
	for _, s := range sites {
		p.ready(s)
	}
	return added, nil
}

func (p *plain) Take(site string, _ uint64, n int) ([]frontier.Item, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n = min(n, len(p.wait[site]))
	items := p.wait[site][:n:n]
	p.wait[site] = p.wait[site][n:]
	return items, nil
}

func (p *plain) Finish(_ frontier.Item, found []frontier.Link) error {
	_, err := p.Add(found)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left--
	return err
}

func (p *plain) Counts() frontier.StoreCounts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return frontier.StoreCounts{Seen: len(p.seen), Left: p.left}
}

func (p *plain) Close() error { return nil }

func open(t *testing.T, limits frontier.Limits) *frontier.Frontier {
	f, err := frontier.New(&plain{seen: map[string]bool{}, wait: map[string][]frontier.Item{}}, limits)
	require.NoError(t, err)
	return f
}

func add(t *testing.T, f *frontier.Frontier, urls []string) int {
	var links []frontier.Link
	for _, u := range urls {
		links = append(links, frontier.Link{URL: u})
	}
	added, err := f.Add(links)
	require.NoError(t, err)
	return added
}

func urls(host string, from, to int) []string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprintf("http://%s/%d", host, i))
	}
	return all
}

func TestEachOnceThenTheEnd(t *testing.T) {
	m := open(t, frontier.Limits{PerAddress: 2})
	require.Equal(t, 3, add(t, m, []string{"http://192.0.2.1/a", "http://192.0.2.1/b", "http://192.0.2.1/a", "http://192.0.2.2/"}))
	require.Zero(t, add(t, m, []string{"http://192.0.2.1/b"}))
	got := map[string]bool{}
	for range 3 {
		task, err := m.Next(t.Context())
		require.NoError(t, err)
		require.False(t, got[task.URL])
		got[task.URL] = true
		defer m.Done(task, 0, nil)
	}
	require.Equal(t, frontier.Counts{StoreCounts: frontier.StoreCounts{Seen: 3, Left: 3}, Active: 3, Hosts: 2, Addresses: 2}, m.Counts())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := m.Next(ctx)
	require.ErrorIs(t, err, context.Canceled, "tasks in hand may still add links")
}

func TestEndReachesAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := open(t, frontier.Limits{PerAddress: 1})
		add(t, m, []string{"http://192.0.2.1/"})
		task, err := m.Next(t.Context())
		require.NoError(t, err)
		var waiting sync.WaitGroup
		for range 5 {
			waiting.Go(func() {
				_, err := m.Next(t.Context())
				require.ErrorIs(t, err, io.EOF)
				_, err = m.Name(t.Context())
				require.ErrorIs(t, err, io.EOF)
			})
		}
		synctest.Wait()
		require.NoError(t, m.Done(task, 0, nil))
		waiting.Wait()
	})
}

func TestNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := open(t, frontier.Limits{PerAddress: 10})
		add(t, m, []string{"http://a.test/1", "https://a.test/2", "http://b.test/", "http://c.test/"})
		for range 3 {
			host, err := m.Name(t.Context())
			require.NoError(t, err)
			switch host {
			case "c.test":
				m.Found(host, netip.Addr{}, errors.New("no such name"))
			default:
				m.Found(host, netip.MustParseAddr("192.0.2.1"), nil)
			}
		}
		add(t, m, []string{"http://c.test/later", "http://a.test/later"})
		failed, sites := 0, map[string]int{}
		for range 6 {
			task, err := m.Next(t.Context())
			require.NoError(t, err)
			if task.Err != nil {
				require.ErrorContains(t, task.Err, "no such name")
				require.Nil(t, task.Slot)
				failed++
			} else {
				require.Equal(t, "192.0.2.1", task.Addr.String())
				sites[task.Site]++
			}
			require.NoError(t, m.Done(task, 0, nil))
		}
		require.Equal(t, 2, failed)
		require.Equal(t, map[string]int{"http://a.test": 2, "https://a.test": 1, "http://b.test": 1}, sites)
		require.Equal(t, 1, m.Counts().Addresses)
		_, err := m.Next(t.Context())
		require.ErrorIs(t, err, io.EOF)
	})
}

// TestPoliteness runs many fetchers, in virtual time, over hosts that share
// addresses, and watches each address.
func TestPoliteness(t *testing.T) {
	for _, limits := range []frontier.Limits{{PerAddress: 1, Pause: time.Second}, {PerAddress: 3}, {PerAddress: 2, PerPrefix: 4, Pause: 10 * time.Millisecond}} {
		synctest.Test(t, func(t *testing.T) {
			m := open(t, limits)
			for host := range 12 {
				add(t, m, urls(fmt.Sprintf("h%d.test", host), 0, 40))
			}
			var mu sync.Mutex
			all := 0 // they are all of one prefix
			active, ended, done := map[netip.Addr]int{}, map[netip.Addr]time.Time{}, map[string]int{}
			slots := map[*frontier.Slot]bool{}
			var running sync.WaitGroup
			running.Go(func() {
				for {
					host, err := m.Name(t.Context())
					if err != nil {
						return
					}
					m.Found(host, netip.AddrFrom4([4]byte{192, 0, 2, host[1] % 3}), nil)
				}
			})
			for k := range 20 {
				running.Go(func() {
					random := rand.New(rand.NewPCG(1, uint64(k)))
					for {
						task, err := m.Next(t.Context())
						if err != nil {
							return
						}
						mu.Lock()
						active[task.Addr]++
						if all++; limits.PerPrefix > 0 {
							assert.LessOrEqual(t, all, limits.PerPrefix)
						}
						assert.LessOrEqual(t, active[task.Addr], limits.PerAddress)
						assert.False(t, slots[task.Slot], "a slot has one user")
						slots[task.Slot] = true
						if limits.PerAddress == 1 { // others may begin while one is ending
							assert.GreaterOrEqual(t, time.Since(ended[task.Addr]), limits.Pause)
						}
						mu.Unlock()
						time.Sleep(time.Duration(random.IntN(50)) * time.Millisecond)
						mu.Lock()
						active[task.Addr]--
						all--
						slots[task.Slot] = false
						ended[task.Addr] = time.Now()
						again := random.IntN(10) == 0
						if !again {
							done[task.URL]++
						}
						mu.Unlock()
						if again {
							m.Return(task, 0)
						} else {
							require.NoError(t, m.Done(task, 0, nil))
						}
					}
				})
			}
			running.Wait()
			require.Len(t, done, 12*40)
			for u, times := range done {
				require.Equal(t, 1, times, u)
			}
			require.LessOrEqual(t, len(slots), 3*limits.PerAddress)
		})
	}
}

func TestALongerPauseIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := open(t, frontier.Limits{PerAddress: 1, Pause: time.Second})
		add(t, m, urls("192.0.2.1", 0, 2))
		task, err := m.Next(t.Context())
		require.NoError(t, err)
		require.NoError(t, m.Done(task, 10*time.Second, nil))
		start := time.Now()
		_, err = m.Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, 10*time.Second, time.Since(start))
	})
}

func TestReturnedComesFirst(t *testing.T) {
	m := open(t, frontier.Limits{PerAddress: 1})
	add(t, m, urls("192.0.2.1", 0, 5))
	task, err := m.Next(t.Context())
	require.NoError(t, err)
	first := task.URL
	m.Return(task, 0)
	task, err = m.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, first, task.URL)
}

func TestSitesOfAnAddressTakeTurns(t *testing.T) {
	m := open(t, frontier.Limits{PerAddress: 1})
	add(t, m, urls("192.0.2.1", 0, 100))
	add(t, m, urls("192.0.2.1:81", 0, 100))
	changes, last := 0, ""
	for range 200 {
		task, err := m.Next(t.Context())
		require.NoError(t, err)
		if task.Site != last {
			changes++
		}
		last = task.Site
		require.NoError(t, m.Done(task, 0, nil))
	}
	require.Equal(t, 8, changes)
}

func TestStop(t *testing.T) {
	m := open(t, frontier.Limits{PerAddress: 1})
	add(t, m, urls("192.0.2.1", 0, 5))
	m.Stop()
	_, err := m.Next(t.Context())
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, 1, add(t, m, urls("192.0.2.1", 5, 6)), "it waits for the next run")
}

func TestACancelledWaiterLosesNothing(t *testing.T) {
	m := open(t, frontier.Limits{PerAddress: 1})
	add(t, m, urls("192.0.2.1", 0, 200))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var running sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range 8 {
		running.Go(func() {
			for {
				task, err := m.Next(ctx)
				if err != nil {
					return
				}
				mu.Lock()
				if done++; done == 100 {
					cancel()
				}
				mu.Unlock()
				require.NoError(t, m.Done(task, 0, nil))
			}
		})
	}
	running.Wait()
	require.Equal(t, frontier.Counts{StoreCounts: frontier.StoreCounts{Seen: 200, Left: 200 - done}, Hosts: 1, Addresses: 1}, m.Counts())
}

// TestGuests asks addresses out of turn, within the same limits.
func TestGuests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := open(t, frontier.Limits{PerAddress: 1, PerPrefix: 2, Pause: time.Second})
		add(t, f, urls("192.0.2.1", 0, 2))
		task, err := f.Next(t.Context())
		require.NoError(t, err)
		busy, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err = f.Guest(busy, task.Addr)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		leave, err := f.Guest(t.Context(), netip.MustParseAddr("192.0.2.2"))
		require.NoError(t, err)
		full, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err = f.Guest(full, netip.MustParseAddr("192.0.2.3"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		leave()
		start := time.Now()
		leave, err = f.Guest(t.Context(), netip.MustParseAddr("192.0.2.2"))
		require.NoError(t, err)
		require.GreaterOrEqual(t, time.Since(start), time.Second)
		leave()
		require.NoError(t, f.Done(task, 0, nil))
	})
}

func TestRefusedAddressesAreNotAsked(t *testing.T) {
	f, err := frontier.New(&plain{seen: map[string]bool{}, wait: map[string][]frontier.Item{}}, frontier.Limits{
		PerAddress: 1, Refuse: func(a netip.Addr) error {
			if a.IsPrivate() {
				return frontier.ErrExcluded
			}
			return nil
		},
	})
	require.NoError(t, err)
	add(t, f, []string{"http://10.0.0.1/", "http://inside.test/", "http://8.8.8.8/"})
	host, err := f.Name(t.Context())
	require.NoError(t, err)
	f.Found(host, netip.MustParseAddr("192.168.1.1"), nil)
	for range 3 {
		task, err := f.Next(t.Context())
		require.NoError(t, err)
		if task.URL == "http://8.8.8.8/" {
			require.NoError(t, task.Err)
		} else {
			require.ErrorIs(t, task.Err, frontier.ErrExcluded)
			require.Nil(t, task.Slot)
		}
		require.NoError(t, f.Done(task, 0, nil))
	}
	_, err = f.Guest(t.Context(), netip.MustParseAddr("10.0.0.1"))
	require.ErrorIs(t, err, frontier.ErrExcluded)
}

func FuzzParseLink(f *testing.F) {
	f.Add(frontier.Link{URL: "http://a.test/", Depth: 3, Redirects: 300}.Append(nil))
	f.Fuzz(func(t *testing.T, v []byte) {
		bounded.Input(t, 64<<20, func() {
			l, err := frontier.ParseLink(v)
			if err != nil {
				require.ErrorIs(t, err, frontier.ErrVersion)
				return
			}
			again, err := frontier.ParseLink(l.Append(nil))
			require.NoError(t, err)
			require.Equal(t, l, again)
		})
	})
}
