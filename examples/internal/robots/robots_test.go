package robots

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/bounded"
)

func TestRules(t *testing.T) {
	const text = "\xef\xbb\xbfUser-agent: *\nDisallow: /\n\nUser-agent: myriadcrawler\nDisallow: /private/\n" +
		"Allow: /private/door\nDisallow: /*.pdf$\nDisallow: /search?q=\nCrawl-delay: 2\n"
	r := Parse(200, []byte(text))
	for path, want := range map[string]bool{
		"/": true, "/private": true, "/private/x": false, "/private/door": true, "/a.pdf": false, "/a.pdf?x": true,
		"/search?q=1": false, "/search?p=1": true,
	} {
		require.Equal(t, want, r.Allowed("http://a.test"+path), path)
	}
	require.Equal(t, 2*time.Second, r.Delay())
}

func TestStatus(t *testing.T) {
	for status, want := range map[int]bool{200: true, 204: true, 404: true, 403: true, 500: false, 503: false, 302: false, 0: false} {
		require.Equal(t, want, Parse(status, nil).Allowed("http://a.test/x"), status)
	}
	require.False(t, Parse(200, []byte("User-agent: *\nDisallow: /")).Allowed("http://a.test/x"))
	require.True(t, Parse(200, []byte("User-agent: other\nDisallow: /")).Allowed("http://a.test/x"))
	require.True(t, Parse(200, []byte("<html>not found</html>")).Allowed("http://a.test/x"), "no rules are no rules")
	require.False(t, new(Rules).Allowed("http://a.test/"))
}

func TestDelayIsBounded(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "-3": 0, "0.5": time.Second / 2, "86400": DelayMax, "1e30": DelayMax, "1e400": 0, "soon": 0,
	} {
		require.Equal(t, want, Parse(200, []byte("User-agent: *\nCrawl-delay: "+text)).Delay(), text)
	}
}

func TestLongFileIsCutAtALine(t *testing.T) {
	text := "User-agent: *\n" + strings.Repeat("Disallow: /abcdefg\n", BytesMax/19+10)
	r := Parse(200, []byte(text))
	require.False(t, r.Allowed("http://a.test/abcdefg"))
	require.True(t, r.Allowed("http://a.test/abc"), "no rule was cut in half")
	require.NotNil(t, Parse(200, bytes.Repeat([]byte("x"), BytesMax+1)))
}

func FuzzParse(f *testing.F) {
	f.Add(200, []byte("User-agent: *\nDisallow: /*a*b$\nCrawl-delay: 1e9\nSitemap: x\n"), "/a%zz?b")
	f.Fuzz(func(t *testing.T, status int, body []byte, path string) {
		bounded.Input(t, 64<<20, func() {
			r := Parse(status, body)
			r.Allowed("http://a.test/" + path)
			require.GreaterOrEqual(t, r.Delay(), time.Duration(0))
			require.LessOrEqual(t, r.Delay(), DelayMax)
		})
	})
}
