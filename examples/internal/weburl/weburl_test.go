package weburl

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/internal/bounded"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"http://Example.TEST":                  "http://example.test/",
		" http://example.test:80/a#b ":         "http://example.test/a",
		"https://example.test:443/":            "https://example.test/",
		"https://example.test:80/":             "https://example.test:80/",
		"http://u:p@example.test./x?b=2&a=%20": "http://example.test/x?b=2&a=%20",
		"http://example.test/a/../b/./c":       "http://example.test/b/c",
		"http://example.test/a%2fb/ü":          "http://example.test/a%2fb/%C3%BC",
		"http://example.test/?q=a b\"<é>":      "http://example.test/?q=a%20b%22%3C%C3%A9%3E",
		"http://[::ffff:192.0.2.1]:8080/":      "http://192.0.2.1:8080/",
		"http://[2001:DB8::0:1]/":              "http://[2001:db8::1]/",
		"http://192.0.2.1?x":                   "http://192.0.2.1/?x",
	} {
		got, err := Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
		again, err := Parse(got)
		require.NoError(t, err, got)
		require.Equal(t, got, again, "canonical of canonical")
	}
	for _, text := range []string{"", "/x", "ftp://example.test/", "mailto:a@example.test", "http://", "http://a:0/",
		"http://a:99999/", "http://exa mple/", "javascript:void(0)", "http:x", "http://a/%zz", "http://ü.test/"} {
		_, err := Parse(text)
		require.ErrorIs(t, err, ErrNotWeb, text)
	}
}

func TestResolve(t *testing.T) {
	base, err := url.Parse("http://example.test/dir/page?x=1")
	require.NoError(t, err)
	for ref, want := range map[string]string{
		"other":                 "http://example.test/dir/other",
		"../up":                 "http://example.test/up",
		"?y=2":                  "http://example.test/dir/page?y=2",
		"#top":                  "http://example.test/dir/page?x=1",
		"//b.test:80/z":         "http://b.test/z",
		"https://c.test":        "https://c.test/",
		" /with-\nspaces\t x\n": "http://example.test/with-spaces%20x",
	} {
		got, err := Resolve(base, ref)
		require.NoError(t, err, ref)
		require.Equal(t, want, got, ref)
	}
}

func TestSplit(t *testing.T) {
	for text, want := range map[string]struct {
		site, host string
		port       uint16
	}{
		"http://a.test/x:1/y":         {"http://a.test", "a.test", 80},
		"https://a.test:81/":          {"https://a.test:81", "a.test", 81},
		"https://[2001:db8::1]/":      {"https://[2001:db8::1]", "2001:db8::1", 443},
		"https://[2001:db8::1]:8443/": {"https://[2001:db8::1]:8443", "2001:db8::1", 8443},
	} {
		site, host, port := Split(text)
		require.Equal(t, want.site, site)
		require.Equal(t, want.host, host)
		require.Equal(t, want.port, port)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("http://example.test:80/a/../b?c#d")
	f.Add("https://[::1]:65535//x//?%00")
	f.Fuzz(func(t *testing.T, text string) {
		bounded.Input(t, 64<<20, func() {
			got, err := Parse(text)
			if err != nil {
				return
			}
			again, err := Parse(got)
			require.NoError(t, err)
			require.Equal(t, got, again)
			_, host, port := Split(got)
			require.NotEmpty(t, host)
			require.NotZero(t, port)
		})
	})
}
