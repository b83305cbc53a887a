package frontier

import (
	"context"
	"sync"
)

// waiters are goroutines that wait for something, first come first served.
// Its methods are called under the frontier's lock.
type waiters[T any] struct {
	queue []*waiter[T]
}

// waiter has room for the one thing it waits for.
type waiter[T any] struct {
	given chan result[T]
}

type result[T any] struct {
	value T
	err   error
}

func (ws *waiters[T]) any() bool { return len(ws.queue) > 0 }

func (ws *waiters[T]) enter() *waiter[T] {
	w := &waiter[T]{make(chan result[T], 1)}
	ws.queue = append(ws.queue, w)
	return w
}

// give gives value to the first, and reports whether there was one.
func (ws *waiters[T]) give(value T) bool {
	if len(ws.queue) == 0 {
		return false
	}
	ws.queue[0].given <- result[T]{value: value}
	ws.queue[0] = nil
	ws.queue = ws.queue[1:]
	return true
}

// end gives err to all.
func (ws *waiters[T]) end(err error) {
	for _, w := range ws.queue {
		w.given <- result[T]{err: err}
	}
	ws.queue = nil
}

func (ws *waiters[T]) leave(w *waiter[T]) {
	for i, other := range ws.queue {
		if other == w {
			ws.queue = append(ws.queue[:i], ws.queue[i+1:]...)
			return
		}
	}
}

// wait waits until w is given something or the context ends. If both happen,
// it returns both, and the caller sees that the value is not lost.
func wait[T any](ctx context.Context, mu *sync.Mutex, ws *waiters[T], w *waiter[T]) (T, error) {
	select {
	case r := <-w.given:
		return r.value, r.err
	case <-ctx.Done():
	}
	mu.Lock()
	ws.leave(w)
	mu.Unlock()
	var r result[T]
	select {
	case r = <-w.given:
	default:
	}
	if r.err != nil {
		return r.value, r.err
	}
	return r.value, ctx.Err()
}
