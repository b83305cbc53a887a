package network

import "time"

// Usage is processor time.
type Usage struct {
	User, System time.Duration
}

// Sub returns u less v.
func (u Usage) Sub(v Usage) Usage { return Usage{u.User - v.User, u.System - v.System} }
