package page

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"

	"myriad/internal/bounded"
)

func TestLinks(t *testing.T) {
	base, err := url.Parse("http://a.test/dir/page")
	require.NoError(t, err)
	got := Links([]byte(`<html><!-- <a href="/comment"> --><a href="one">1</a>
		<A HREF='http://B.test:80/two#x'>2</a><a class=q href=/three?a=1&amp;b=2>3</a><a href=one>again</a>
		<a name="none"><a href="mailto:x@a.test"><script>var s = "<a href='/script'>"</script>
		<iframe src="//c.test/frame"></iframe><area href="?q"><a href="/first" href="/second">
		<a href="unclosed`), "text/html", base)
	require.Equal(t, []string{"http://a.test/dir/one", "http://b.test/two", "http://a.test/three?a=1&b=2",
		"http://c.test/frame", "http://a.test/dir/page?q", "http://a.test/first"}, got)
}

func TestLinksFollowBase(t *testing.T) {
	base, err := url.Parse("http://a.test/")
	require.NoError(t, err)
	require.Equal(t, []string{"http://b.test/d/x"}, Links([]byte(`<base href="//b.test/d/"><a href=x>`), "text/html", base))
	require.Equal(t, []string{"http://a.test/x"}, Links([]byte(`<base href="%zz"><a href=x>`), "text/html", base))
}

// TestCharacterSets has one link, to a path and with a query in letters that
// each set writes in bytes of its own. The path goes out in UTF-8, the query as
// the page has it.
func TestCharacterSets(t *testing.T) {
	base, err := url.Parse("http://a.test/")
	require.NoError(t, err)
	sets := map[string]encoding.Encoding{
		"windows-1251": charmap.Windows1251, "koi8-r": charmap.KOI8R, "iso-8859-5": charmap.ISO8859_5,
		"shift_jis": japanese.ShiftJIS, "euc-jp": japanese.EUCJP, "gbk": simplifiedchinese.GBK, "big5": traditionalchinese.Big5,
		"euc-kr": korean.EUCKR, "utf-8": unicode.UTF8,
	}
	for name, set := range sets {
		word := "\u0441\u0442\u0440\u0430\u043d\u0430" // Cyrillic, which all of them have
		bytes, err := set.NewEncoder().String(word)
		require.NoError(t, err, name)
		want := "http://a.test/" + url.PathEscape(word) + "?q=" + escaped(bytes)
		link := "<a href='/" + bytes + "?q=" + bytes + "#" + bytes + "'>"
		for how, got := range map[string][]string{
			"header": Links([]byte(link), "text/html; charset="+name, base),
			"meta":   Links([]byte("<meta charset="+name+">"+link), "text/html", base),
			"equiv":  Links([]byte("<meta http-equiv=content-type content='text/html; charset="+name+"'>"+link), "text/html", base),
			"both":   Links([]byte("<meta charset=latin1>"+link), "text/html; charset="+name, base),
		} {
			require.Equal(t, []string{want}, got, "%s by %s", name, how)
		}
	}
	wide, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String("<a href='/\u65e5?\u65e5'>")
	require.NoError(t, err)
	require.Equal(t, []string{"http://a.test/%E6%97%A5?%E6%97%A5"}, Links([]byte(wide), "text/html", base), "by its byte order mark")
	require.Equal(t, []string{"http://a.test/x?a=1&b=%26%2326085%3B"}, Links([]byte("<a href='/x?a=1&amp;b=&#26085;'>"), "text/html; charset=windows-1251", base),
		"the set has no such letter")
	require.Equal(t, []string{"http://a.test/x"}, Links([]byte("<a href='/x#?\xe9'>"), "text/html; charset=latin1", base))
	require.Equal(t, []string{"http://a.test/x"}, Links([]byte("<a href='/x'>\xff\xfe"), "text/html; charset=none-such", base))
}

// escaped is how a browser writes bytes into a query.
func escaped(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c > ' ' && c < 0x7f && c != '\\' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func TestLinksAreBounded(t *testing.T) {
	base, err := url.Parse("http://a.test/")
	require.NoError(t, err)
	var trap strings.Builder
	for i := range LinksMax + 100 {
		trap.WriteString("<a href=/" + strconv.Itoa(i) + ">")
	}
	require.Len(t, Links([]byte(trap.String()), "text/html", base), LinksMax)
}

func FuzzLinks(f *testing.F) {
	f.Add([]byte("<base href='//b.test'><a href=x><iframe src=y>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		bounded.Input(t, 64<<20, func() {
			base, err := url.Parse("http://a.test/")
			require.NoError(t, err)
			for _, link := range Links(body, "text/html", base) {
				require.True(t, strings.HasPrefix(link, "http"), link)
			}
		})
	})
}
