package irlstack

import "sync"

// abandoned keeps devices whose driver did not give requests back: it may
// still write into their memory.
var abandoned leftovers

type leftovers struct {
	mutex   sync.Mutex
	devices []*Device
}

func (l *leftovers) keep(d *Device) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.devices = append(l.devices, d)
}
