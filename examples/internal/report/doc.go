// Package report writes what a run came to as one HTML page: the figures in
// tables, and charts (rate over time, latency, outcomes, politeness) as SVG
// inside it. It refers to nothing outside of itself, so it opens offline.
package report
