package script

import (
	"fmt"
	"strconv"
	"time"
)

// set takes the words of a `set` line.
func (s *Settings) set(words []string) error {
	if len(words) != 2 {
		return fmt.Errorf("set NAME VALUE")
	}
	name, value := words[0], words[1]
	if d := s.duration(name); d != nil {
		v, err := seconds(value)
		*d = v
		return err
	}
	if n := s.integer(name); n != nil {
		v, err := number(value)
		*n = int(v)
		return err
	}
	v, err := number(value)
	switch name {
	case "timestamps":
		if value != "on" && value != "off" {
			return fmt.Errorf("timestamps are on or off")
		}
		s.Client.Timestamps = value == "on"
		return nil
	case "congestion":
		s.Client.CongestionControl = value // the client refuses names that it does not know
		return nil
	case "isn":
		isn := uint32(v)
		s.ISN = &isn
	case "irs":
		s.IRS = uint32(v)
	case "seed":
		s.Client.Seed = uint64(v)
	case "ttl":
		s.Client.TTL = uint8(v)
	default:
		return fmt.Errorf("no setting %q", name)
	}
	return err
}

func (s *Settings) duration(name string) *time.Duration {
	c := &s.Client
	return map[string]*time.Duration{
		"timeout": &c.Timeout, "idle": &c.Idle, "rto-min": &c.RTOMin, "time-wait": &c.TimeWait,
		"rest": &c.Rest, "clock": &s.Clock, "tolerance": &s.Tolerance,
	}[name]
}

func (s *Settings) integer(name string) *int {
	c := &s.Client
	return map[string]*int{
		"mss": &c.MSS, "mtu": &s.MTU, "receive-buffer": &c.ReceiveBuffer, "receive-max": &c.ReceiveBufferMax,
		"send-buffer": &c.SendBuffer, "buffer-memory": &c.BufferMemory, "sides": &c.SideRecords,
		"holes": &c.HolesMax, "syn-retries": &c.SYNRetries, "data-retries": &c.DataRetries,
		"connections": &c.ConnectionsMax,
	}[name]
}

// number reads a decimal or 0x number, with 2^32-N and 2^31-N too.
func number(word string) (int64, error) {
	for power, base := range map[string]int64{"2^32": 1 << 32, "2^31": 1 << 31} {
		if len(word) > 4 && word[:4] == power {
			rest, err := strconv.ParseInt(word[4:], 10, 64)
			return base + rest, err
		}
	}
	return strconv.ParseInt(word, 0, 64)
}
