package frontier

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
)

var _ Interface = (*Memory)(nil)

func urls(host string, from, to int) []string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprintf("http://%s/%d", host, i))
	}
	return all
}

func TestEachOnceThenTheEnd(t *testing.T) {
	m := NewMemory(Limits{PerAddress: 2})
	require.Equal(t, 3, m.Add([]string{"http://192.0.2.1/a", "http://192.0.2.1/b", "http://192.0.2.1/a", "http://192.0.2.2/"}))
	require.Zero(t, m.Add([]string{"http://192.0.2.1/b"}))
	got := map[string]bool{}
	for range 3 {
		task, err := m.Next(t.Context())
		require.NoError(t, err)
		require.False(t, got[task.URL])
		got[task.URL] = true
		defer m.Done(task, 0)
	}
	require.Equal(t, Counts{Seen: 3, Active: 3, Hosts: 2, Addresses: 2}, m.Counts())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := m.Next(ctx)
	require.ErrorIs(t, err, context.Canceled, "tasks in hand may still add links")
}

func TestEndReachesAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(Limits{PerAddress: 1})
		m.Add([]string{"http://192.0.2.1/"})
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
		m.Done(task, 0)
		waiting.Wait()
	})
}

func TestNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(Limits{PerAddress: 10})
		m.Add([]string{"http://a.test/1", "https://a.test/2", "http://b.test/", "http://c.test/"})
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
		m.Add([]string{"http://c.test/later", "http://a.test/later"})
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
			m.Done(task, 0)
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
	for _, limits := range []Limits{{1, time.Second}, {3, 0}, {2, 10 * time.Millisecond}} {
		synctest.Test(t, func(t *testing.T) {
			m := NewMemory(limits)
			for host := range 12 {
				m.Add(urls(fmt.Sprintf("h%d.test", host), 0, 40))
			}
			var mu sync.Mutex
			active, ended, done := map[netip.Addr]int{}, map[netip.Addr]time.Time{}, map[string]int{}
			slots := map[*Slot]bool{}
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
							m.Done(task, 0)
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
		m := NewMemory(Limits{PerAddress: 1, Pause: time.Second})
		m.Add(urls("192.0.2.1", 0, 2))
		task, err := m.Next(t.Context())
		require.NoError(t, err)
		m.Done(task, 10*time.Second)
		start := time.Now()
		_, err = m.Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, 10*time.Second, time.Since(start))
	})
}

func TestReturnedComesFirst(t *testing.T) {
	m := NewMemory(Limits{PerAddress: 1})
	m.Add(urls("192.0.2.1", 0, 5))
	task, err := m.Next(t.Context())
	require.NoError(t, err)
	first := task.URL
	m.Return(task, 0)
	task, err = m.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, first, task.URL)
}

func TestSitesOfAnAddressTakeTurns(t *testing.T) {
	m := NewMemory(Limits{PerAddress: 1})
	m.Add(urls("192.0.2.1", 0, 100))
	m.Add(urls("192.0.2.1:81", 0, 100))
	changes, last := 0, ""
	for range 200 {
		task, err := m.Next(t.Context())
		require.NoError(t, err)
		if task.Site != last {
			changes++
		}
		last = task.Site
		m.Done(task, 0)
	}
	require.Equal(t, 8, changes)
}

func TestStop(t *testing.T) {
	m := NewMemory(Limits{PerAddress: 1})
	m.Add(urls("192.0.2.1", 0, 5))
	m.Stop()
	_, err := m.Next(t.Context())
	require.ErrorIs(t, err, io.EOF)
	require.Zero(t, m.Add(urls("192.0.2.1", 5, 6)))
}

func TestACancelledWaiterLosesNothing(t *testing.T) {
	m := NewMemory(Limits{PerAddress: 1})
	m.Add(urls("192.0.2.1", 0, 200))
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
				m.Done(task, 0)
			}
		})
	}
	running.Wait()
	require.Equal(t, Counts{Seen: 200, Waiting: 200 - done, Hosts: 1, Addresses: 1}, m.Counts())
}
