// Command crawler crawls the web through Myriad.
//
// Without -interface it makes two network namespaces, starts a demo web in the
// one and crawls it from the other: over AF_XDP as root, over AF_PACKET in a
// user namespace otherwise. With -interface it crawls from the URLs in -seeds,
// by the rules of a good citizen. See crawler -h.
//
// # Output
//
// One JSON object per line and URL, to -out: url, start (RFC 3339), address,
// status, content_type, bytes (of the body), links, location (of a redirect),
// reused (the connection was kept from the page before), connect_us,
// first_byte_us, last_byte_us (microseconds; the last two since the start),
// and for a failure error (one of: refused, reset, timed out, deadline
// exceeded, unreachable, no such name, name lookup failed, too large, cut
// short, tls, bad reply, no memory, device gone, failed, disallowed by robots.txt) and
// detail. Each line is written whole and at once, so that the file is whole
// lines also after kill -9. Lines are added to a file that exists.
//
// # Exit codes
//
// 0: the crawl came to its end, or was ended by Ctrl-C. 1: it failed, or the
// demo did not go as it must. 2: wrong usage.
package main
