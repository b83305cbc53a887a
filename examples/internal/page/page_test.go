package page

import (
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

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
