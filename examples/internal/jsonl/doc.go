// Package jsonl adds JSON lines to a file so that the file holds whole lines at
// every instant, also after kill -9.
//
// Every line is one write(2), so no line waits in the process's memory. The
// kernel may still cut a write short when the process is killed, but only
// where the write crosses from one page of the file's cache into the next
// (Linux looks for a deadly signal between two pages). So no line crosses:
// when less than RoomBytes would be left in the page, the line is filled up
// with spaces, which JSON ignores, and the next one begins the next page. A
// line that still does not fit has the line before it filled up afterwards.
// Into a pipe, writes of up to a page are whole in any case.
//
// Limits: a line of more than PageBytes is refused with ErrLong. Output that
// the shell opened with >> cannot be filled up afterwards; there a line longer
// than RoomBytes may cross.
//
// A Writer may be used by any number of goroutines. It does not close its
// file.
package jsonl
