// Package warc writes what a crawl fetched as WARC 1.1 (ISO 28500:2017), to a
// folder of files that are packed record by record, so that any reader finds
// each record by its offset.
//
// Each exchange is a response record and the request record that belongs to
// it; each file begins with a warcinfo record. net/http has read the reply, so
// the response's header is written anew, as HTTP/1.1: names in their canonical
// spelling, in order, without Transfer-Encoding; the body is byte by byte what
// was sent, still packed if it was. WARC-Protocol says how it came.
//
// A file is closed at FileBytes and the next one begun. After a kill the last
// record may not be whole: Open cuts it off. An exchange is handed to the
// operating system before Write returns.
//
// A Writer may be used by any number of goroutines. It holds one exchange in
// memory per goroutine in Write.
package warc
