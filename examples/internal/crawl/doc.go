// Package crawl drives a crawl: it takes tasks from a frontier, asks each
// site's robots.txt first, fetches, finds links, gives them to the frontier,
// and writes one Record per URL.
//
// A task is in the hands of one of Options.Parallel goroutines from Next to
// Done. A URL ends in exactly one record: a reply, or the reason why there is
// none. Only those that were being fetched when the context ended have none;
// Counts.Abandoned counts them.
package crawl
