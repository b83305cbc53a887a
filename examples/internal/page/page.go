// Package page finds the links of an HTML page.
//
// It reads tokens only and builds no tree, so a page costs time in proportion
// to its bytes and memory in proportion to its longest token. Broken HTML
// gives the links that a browser's tokenizer would see. Functions are safe for
// concurrent use.
package page

import (
	"bytes"
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"

	"myriad/examples/internal/weburl"
)

// LinksMax bounds the links taken from one page: a page may be made to trap
// crawlers.
const LinksMax = 10_000

// Links returns the canonical URLs that the page links to, in order, each
// once. contentType is the header's, whose character set a page may correct by
// its first bytes; base is the page's own address, which a <base> element
// replaces. What is not a web address is left out.
func Links(body []byte, contentType string, base *url.URL) []string {
	body, from := toUTF8(body, contentType)
	var links []string
	seen := make(map[string]struct{})
	tokens := html.NewTokenizer(bytes.NewReader(body))
	for len(links) < LinksMax {
		kind := tokens.Next()
		if kind == html.ErrorToken {
			break // the end: a reader of bytes has no other error
		}
		if kind != html.StartTagToken && kind != html.SelfClosingTagToken {
			continue
		}
		name, hasAttributes := tokens.TagName()
		tag := atom.Lookup(name)
		key := linkAttribute(tag)
		if !hasAttributes || key == "" {
			continue
		}
		ref, ok := attribute(tokens, key)
		if !ok {
			continue
		}
		if tag == atom.Base {
			base = rebase(base, ref)
			continue
		}
		link, err := weburl.Resolve(base, withQueryIn(from, ref))
		if _, again := seen[link]; err != nil || again {
			continue
		}
		seen[link] = struct{}{}
		links = append(links, link)
	}
	return links
}

// toUTF8 brings a page into UTF-8 as browsers do: by a byte order mark, the
// header, or a <meta> element among the first 1,024 bytes. from is what it was
// in, nil if that is UTF-8 in one way or another.
func toUTF8(body []byte, contentType string) (text []byte, from encoding.Encoding) {
	from, name, _ := charset.DetermineEncoding(body, contentType)
	if name == "utf-8" {
		return body, nil
	}
	text, err := from.NewDecoder().Bytes(body)
	if err != nil {
		return body, nil // cannot be: decoders replace what they do not know
	}
	if strings.HasPrefix(name, "utf-16") {
		return text, nil
	}
	return text, from
}

// withQueryIn brings the query of a reference back into the character set of
// its page, where the path is always in UTF-8: so the URL Standard has it
// (url.spec.whatwg.org, "query state"), and so servers expect it.
func withQueryIn(from encoding.Encoding, ref string) string {
	start := strings.IndexByte(ref, '?')
	if from == nil || start < 0 {
		return ref
	}
	end := len(ref)
	if fragment := strings.IndexByte(ref, '#'); fragment >= 0 {
		end = fragment
	}
	if end < start {
		return ref // the mark is the fragment's
	}
	to := from.NewEncoder()
	query := []byte(ref[:start])
	for _, letter := range ref[start:end] {
		if letter < utf8.RuneSelf {
			query = append(query, byte(letter))
			continue
		}
		bytes, err := to.String(string(letter))
		if number, missing := strings.CutPrefix(bytes, "&#"); missing {
			bytes = "%26%23" + strings.TrimSuffix(number, ";") + "%3B"
		}
		if err != nil {
			return ref // cannot be: what the set has not goes by its number
		}
		query = append(query, bytes...)
	}
	return string(query)
}

// linkAttribute names the attribute of a tag that leads to another page.
func linkAttribute(tag atom.Atom) string {
	switch tag {
	case atom.A, atom.Area, atom.Base:
		return "href"
	case atom.Frame, atom.Iframe:
		return "src"
	}
	return ""
}

// attribute returns the first value of an attribute: of a repeated one HTML
// counts the first.
func attribute(tokens *html.Tokenizer, want string) (value string, ok bool) {
	for more := true; more; {
		var key, text []byte
		key, text, more = tokens.TagAttr()
		if !ok && string(key) == want {
			value, ok = string(text), true
		}
	}
	return value, ok
}

func rebase(base *url.URL, ref string) *url.URL {
	u, err := base.Parse(ref)
	if err != nil {
		return base
	}
	return u
}
