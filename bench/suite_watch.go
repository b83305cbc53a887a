package main

import (
	"fmt"
	"time"

	"myriad/bench/internal/usage"
)

// watched is what the machine has done up to an instant.
type watched struct {
	at    time.Time
	cores []usage.Core
	ours  usage.CPU // of this process and those that it started and that have ended
}

func watch() watched {
	return watched{time.Now(), usage.Cores(), usage.Family()}
}

// Shares of the processors' time that are worth a note.
const (
	stealNoted  = 0.01
	othersNoted = 0.10
)

// disturbance says what kept the processors from a part since before.
func (w watched) disturbance(before watched) (notes []string) {
	cores := usage.SinceAll(w.cores, before.cores)
	if len(cores) == 0 {
		return nil
	}
	all := w.at.Sub(before.at).Seconds() * float64(len(cores))
	sum := usage.Sum(cores)
	if share := sum.Steal.Seconds() / all; share > stealNoted {
		notes = append(notes, fmt.Sprintf("disturbed: the host took %.0f %% of the processors for others (steal)", 100*share))
	}
	ours := w.ours.Since(before.ours)
	if share := (sum.User + sum.System - ours.User - ours.System).Seconds() / all; share > othersNoted {
		notes = append(notes, fmt.Sprintf("disturbed: other programs had %.0f %% of the processors", 100*share))
	}
	return notes
}
