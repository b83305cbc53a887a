package demoweb

import (
	"bytes"
	"html"
	"math"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	bytesMin     = 200       // of the smallest page
	ordinaryMax  = 24 << 10  // bytes of the largest page that is not a large one
	largeOneIn   = 400       // pages
	slowOneIn    = 200       // pages
	chunkedOneIn = 4         // pages
	closeOneIn   = 16        // pages end their connection
	fillerBytes  = 128 << 10 // of text that pages take theirs from
)

// Page is what a page is like, without its bytes.
type Page struct {
	Number  int
	Bytes   int           // of the body
	Links   []string      // canonical, each once, in order
	Delay   time.Duration // before the middle of the body, and half of it before the first byte
	Chunked bool          // no Content-Length
	Close   bool          // the connection ends with the page

	head, tail []byte // the body; between them there is filler
	from       int    // where the filler begins
}

// PageAt computes a page.
func (w *Web) PageAt(p int) *Page {
	page := &Page{
		Number:  p,
		Links:   w.links(p),
		Chunked: w.pick(kindChunked, p, chunkedOneIn) == 0,
		Close:   w.pick(kindClose, p, closeOneIn) == 0,
		from:    w.pick(kindFiller, p, fillerBytes),
	}
	if p != 0 && w.SlowMax > 0 && w.pick(kindSlow, p, slowOneIn) == 0 {
		page.Delay = time.Duration(w.SlowMax/4+w.pick(kindSlow, -p, w.SlowMax*3/4+1)) * time.Millisecond
	}
	page.write(w)
	page.Bytes = max(w.size(p), len(page.head)+len(page.tail))
	return page
}

// size is what a page's size should be: most are small, a few very large.
func (w *Web) size(p int) int {
	low, high := float64(bytesMin), float64(min(ordinaryMax, w.BytesMax))
	if w.pick(kindLarge, p, largeOneIn) == largeOneIn/2 {
		low, high = float64(w.BytesMax)/4, float64(w.BytesMax)
	}
	share := float64(w.pick(kindSize, p, 1<<20)) / (1<<20 - 1)
	return int(low * math.Pow(high/low, share))
}

// links lists what a page links to.
func (w *Web) links(p int) []string {
	var links []string
	for child := p*branches + 1; child <= p*branches+branches && child < w.Pages; child++ {
		links = append(links, w.PageURL(child))
	}
	for _, other := range []struct {
		count int
		at    func(int) string
	}{
		{w.Redirects, w.RedirectURL}, {w.Missing, w.MissingURL}, {w.Private, w.PrivateURL},
	} {
		first, last := share(p, other.count, w.Pages), share(p+1, other.count, w.Pages)
		for i := first; i < last; i++ {
			links = append(links, other.at(i))
		}
	}
	if p < w.Dead { // early, since they take their time
		links = append(links, w.SilentURL(p), w.UnreachableURL(p), w.ClosedURL(p), w.NamelessURL(p))
	}
	for i := range 2 {
		links = append(links, w.PageURL(w.pick(kindLink, 2*p+i, w.Pages)))
	}
	return unique(links)
}

// share is the first of count things that belongs to the p-th of total.
func share(p, count, total int) int { return p * count / total }

func unique(links []string) []string {
	seen := make(map[string]bool, len(links))
	kept := links[:0]
	for _, l := range links {
		if !seen[l] {
			seen[l] = true
			kept = append(kept, l)
		}
	}
	return kept
}

// write makes the parts of the body that hold the links: most at the top, the
// last one at the very end, so that only the whole page leads to it.
func (page *Page) write(w *Web) {
	base, _ := url.Parse(w.PageURL(page.Number))
	var b bytes.Buffer
	b.WriteString("<!doctype html><title>Page " + strconv.Itoa(page.Number) + "</title>\n")
	last := len(page.Links) - 1
	for i, link := range page.Links[:last] {
		b.WriteString(`<a href="` + html.EscapeString(respell(base, link, i)) + `">` + strconv.Itoa(i) + "</a>\n")
	}
	page.head = b.Bytes()
	page.tail = []byte("\n<a href='" + html.EscapeString(page.Links[last]) + "'>last</a>\n")
}

// respell writes a link in one of the ways in which people write it.
func respell(base *url.URL, link string, i int) string {
	u, err := url.Parse(link)
	if err != nil {
		return link
	}
	switch {
	case u.Host == base.Host && i%2 == 0:
		return u.RequestURI()
	case i%5 == 1:
		return "//" + u.Host + u.RequestURI()
	case i%5 == 2:
		return strings.Replace(link, "http://", "HTTP://", 1) + "#part"
	case i%5 == 3 && u.Port() == "":
		return strings.Replace(link, u.Host, strings.ToUpper(u.Host)+":80", 1)
	}
	return link
}

// filler is text without meaning and without markup; twice the length that
// counts, so that any part of it is in one piece.
var filler = func() []byte {
	random := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, 0, 2*fillerBytes)
	for len(text) < fillerBytes {
		for range 2 + random.IntN(8) {
			text = append(text, byte('a'+random.IntN(26)))
		}
		text = append(text, ' ')
	}
	text = text[:fillerBytes]
	return append(text, text...)
}()

// Pieces yields the body in pieces, which must not be changed.
func (page *Page) Pieces(yield func(piece []byte) bool) {
	if !yield(page.head) {
		return
	}
	rest := page.Bytes - len(page.head) - len(page.tail)
	for rest > 0 {
		n := min(rest, fillerBytes)
		if !yield(filler[page.from : page.from+n]) {
			return
		}
		rest -= n
	}
	yield(page.tail)
}
