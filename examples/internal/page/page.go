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

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/net/html/charset"

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
	body = toUTF8(body, contentType)
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
		link, err := weburl.Resolve(base, ref)
		if _, again := seen[link]; err != nil || again {
			continue
		}
		seen[link] = struct{}{}
		links = append(links, link)
	}
	return links
}

// toUTF8 brings a page into UTF-8 as browsers do: by a byte order mark, the
// header, or a <meta> element among the first 1,024 bytes.
func toUTF8(body []byte, contentType string) []byte {
	from, name, _ := charset.DetermineEncoding(body, contentType)
	if name == "utf-8" {
		return body
	}
	text, err := from.NewDecoder().Bytes(body)
	if err != nil {
		return body // cannot be: decoders replace what they do not know
	}
	return text
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
