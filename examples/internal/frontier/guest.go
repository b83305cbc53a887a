package frontier

import (
	"context"
	"net/netip"
	"time"
)

// guestLook is the time between two looks whether an address may be asked.
const guestLook = 20 * time.Millisecond

// Guest waits for the right to one connection to an address beside those of
// tasks, within the same limits. leave gives it back.
func (f *Frontier) Guest(ctx context.Context, addr netip.Addr) (leave func(), err error) {
	if f.limits.Refuse != nil {
		if err := f.limits.Refuse(addr); err != nil {
			return nil, err
		}
	}
	for {
		if a := f.welcome(addr); a != nil {
			return func() {
				f.mu.Lock()
				defer f.mu.Unlock()
				f.release(a, 0)
				f.dispatch()
			}, nil
		}
		select {
		case <-time.After(guestLook):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// welcome takes a connection if there is one to be had.
func (f *Frontier) welcome(addr netip.Addr) *address {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.hosts[addr.String()] // keeps the address in memory
	if h == nil {
		h = f.newHost(addr.String())
		h.idle = f.idle.PushBack(h)
	}
	a := h.address
	now := time.Now()
	full := f.limits.PerPrefix > 0 && a.prefix.active >= f.limits.PerPrefix
	if full || a.active >= f.limits.PerAddress || now.Before(a.next) {
		return nil
	}
	f.notePause(a, now)
	a.active++
	a.prefix.active++
	f.schedule(a)
	return a
}
