// Package fetch fetches pages with net/http over connections that somebody
// else dials: Myriad's Dialer, or the kernel's in tests.
//
// A Fetcher follows no redirect: that is a link like any other, and the
// crawl's to follow. It keeps the connection of a frontier.Slot from one page
// to the next of the same site, closes it before it goes on to another site,
// and holds never more than Options.PerAddress connections to an address.
//
// A Fetcher may be used by any number of goroutines, each with a slot of its
// own. Its memory is one body per fetch, at most Options.BodyBytes.
package fetch
