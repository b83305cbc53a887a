package tcpclient

// helpTurns is how many turns at most whoever helps takes in a row.
const helpTurns = 8

// help has f called, and what follows from it done, on the caller's goroutine, if
// the worker sleeps and others may use its queue meanwhile: that spares two
// switches of goroutines, and other threads being woken for them. It reports
// whether it did.
func (w *Worker) help(f func(w *Worker)) bool {
	if w.sharer == nil || !w.own.TryLock() {
		return false
	}
	defer w.own.Unlock()
	w.mail.mutex.Lock()
	err := w.mail.put(call{f: f})
	w.mail.mutex.Unlock()
	if err != nil {
		return false
	}
	busy := true
	for k := 0; busy && k < helpTurns; k++ {
		if busy, err = w.turn(); err != nil {
			break // which the worker will meet, too
		}
	}
	w.publish(true)
	if busy || w.nextInstant() < w.sleeps {
		w.queue.Wake()
	}
	return true
}
