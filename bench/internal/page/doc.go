// Package page shows what parts of the suite measured: as a table for people,
// as charts (SVG), and as one HTML page with both that needs no network.
//
// # Terms
//
// A Part is one subcommand's outcome: a table, charts, and remarks about it. A
// part that could not be measured has Skipped, with the reason.
package page
