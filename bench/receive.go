package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"myriad/bench/internal/report"
)

// receiveRow is one run.
type receiveRow struct {
	Table     string `json:"table"` // rate, burst, imbalance
	Backend   string `json:"backend"`
	Queues    int    `json:"queues"`
	Batch     int    `json:"batch"`
	Pool      int    `json:"pool"`      // receive frames of a queue
	Threshold int    `json:"threshold"` // 0: never handed over
	Capacity  int    `json:"capacity"`  // frames/s of a queue's application; 0: without limit

	Offered       float64 `json:"offered_per_second"` // asked for; 0: at once
	Seconds       float64 `json:"seconds"`
	Sent          uint64  `json:"sent"`
	SentPerSecond float64 `json:"sent_per_second"` // what the generator reached
	Taken         uint64  `json:"taken"`           // by the application
	Burst         int     `json:"burst"`           // the longest taken without loss

	DropDevice      uint64 `json:"drop_device"` // before our memory: veth's own ring
	DropRingFull    uint64 `json:"drop_ring_full"`
	DropFillEmpty   uint64 `json:"drop_fill_empty"`
	DropInvalid     uint64 `json:"drop_invalid"`
	DropApplication uint64 `json:"drop_application"` // not what was sent
	Unaccounted     uint64 `json:"unaccounted"`      // sent and seen nowhere

	HandedOver      uint64         `json:"handed_over"`
	ReceiverSeconds float64        `json:"receiver_seconds"` // processor time of the workers
	MachineSeconds  float64        `json:"machine_seconds"`
	PerQueue        []receiveQueue `json:"per_queue"`
	// Frames a second are those that the application took. The far end is the
	// generator.
	report.Common
}

// takenPerSecond is 0 where it says nothing, as with bursts.
func (r *receiveRow) takenPerSecond() float64 {
	if r.FramesPerSecond == nil {
		return 0
	}
	return *r.FramesPerSecond
}

// receiveQueue is one queue's part.
type receiveQueue struct {
	Taken         uint64 `json:"taken"`
	HandedOver    uint64 `json:"handed_over"`
	HeldMost      int    `json:"held_most"`
	DropRingFull  uint64 `json:"drop_ring_full"`
	DropFillEmpty uint64 `json:"drop_fill_empty"`
}

// receiveCommand is `bench receive`.
func receiveCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseReceive(args, stdout)
	if err != nil {
		return err
	}
	return printRows(ctx, o.asJSON, stdout, stderr, o.runAll, asPart(receivePart))
}

// What the runs work with where no flag says otherwise.
const (
	receivePool   = 4096
	plainPool     = 1024 // what a ring has at least
	imbalanceHeld = 3072 // of the pool, so that the ring never runs empty by our holding
)

// jobs are the runs, without their results.
func (o *receiveOptions) jobs() (jobs []receiveRow) {
	for _, table := range o.tables {
		for _, backend := range o.backends {
			job := receiveRow{Table: table, Backend: backend, Queues: 1, Batch: o.batch, Pool: receivePool}
			jobs = append(jobs, o.variants(job)...)
		}
	}
	return jobs
}

// variants are the runs of one table and backend.
func (o *receiveOptions) variants(job receiveRow) (jobs []receiveRow) {
	switch job.Table {
	case "rate":
		for _, job.Queues = range o.queues {
			for _, rate := range o.rates {
				job.Offered = float64(rate)
				jobs = append(jobs, job)
			}
		}
	case "burst":
		for _, job.Pool = range o.pools {
			jobs = append(jobs, job)
		}
	case "imbalance":
		job.Queues, job.Capacity, job.Offered = 2, o.capacity, float64(o.offered)
		plain := job // as these are used otherwise: a ring, no pool, nothing handed over
		plain.Pool = plainPool
		jobs = append(jobs, plain)
		for _, job.Threshold = range o.thresholds {
			jobs = append(jobs, job)
		}
	}
	return jobs
}

func (o *receiveOptions) runAll(ctx context.Context, each func(r *receiveRow) error) (rows []receiveRow, err error) {
	if err := errors.Join(needRoot(), needCore("generator")); err != nil {
		return nil, fmt.Errorf("receive: %w", err)
	}
	for _, row := range o.jobs() {
		if ctx.Err() != nil {
			break
		}
		if err := o.run(ctx, &row); err != nil {
			return rows, fmt.Errorf("receive: %s by %s: %w", row.Table, row.Backend, err)
		}
		rows = append(rows, row)
		if err := each(&row); err != nil {
			return rows, err
		}
	}
	return rows, nil
}
