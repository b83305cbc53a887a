package tcpclient

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// newWeb serves what the tests below ask for.
func newWeb(w *dialWorld, secure bool) *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /bytes/{count}", func(w http.ResponseWriter, r *http.Request) {
		var count int
		fmt.Sscan(r.PathValue("count"), &count)
		w.Write(noise(count))
	})
	mux.HandleFunc("POST /back", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	})
	server := httptest.NewUnstartedServer(mux)
	server.Listener.Close()
	server.Listener = w.listen()
	if secure {
		server.EnableHTTP2 = true
		server.StartTLS()
	} else {
		server.Start()
	}
	w.t.Cleanup(server.Close)
	return server
}

// net/http over the Dialer, in the clear and over TLS (with HTTP/2 there), as
// it stands.
func TestHTTP(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls=%v", secure), func(t *testing.T) {
			inEachWorld(t, nil, func(w *dialWorld) {
				t := w.t
				server := newWeb(w, secure)
				transport := &http.Transport{DialContext: w.dialer.DialContext, ForceAttemptHTTP2: true}
				if secure {
					roots := x509.NewCertPool()
					roots.AddCert(server.Certificate())
					transport.TLSClientConfig = &tls.Config{RootCAs: roots, ServerName: "example.com"}
				}
				defer transport.CloseIdleConnections()
				web := &http.Client{Transport: transport, Timeout: patience}
				for _, count := range []int{0, 1, 1460, 100_000, 5_000_000} {
					getBytes(t, web, server.URL, count)
				}
				body := noise(2_000_000)
				resp, err := web.Post(server.URL+"/back", "", bytes.NewReader(body))
				require.NoError(t, err)
				got, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				resp.Body.Close()
				require.True(t, bytes.Equal(body, got), "a byte is wrong")

				var group sync.WaitGroup
				for range 20 {
					group.Go(func() { getBytes(t, web, server.URL, 50_000) })
				}
				group.Wait()
			})
		})
	}
}

func getBytes(t testing.TB, web *http.Client, url string, count int) {
	resp, err := web.Get(fmt.Sprintf("%s/bytes/%d", url, count))
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.Equal(noise(count), got) {
		t.Errorf("%d bytes: %v, or a wrong byte", count, err)
	}
}

// Requests one after another use one connection.
func TestHTTPKeepAlive(t *testing.T) {
	inEachWorld(t, nil, func(w *dialWorld) {
		t := w.t
		server := newWeb(w, false)
		transport := &http.Transport{DialContext: w.dialer.DialContext}
		defer transport.CloseIdleConnections()
		reused := 0
		for range 5 {
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
				GotConn: func(i httptrace.GotConnInfo) {
					if i.Reused {
						reused++
					}
				},
			})
			req, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/bytes/1000", nil)
			require.NoError(t, err)
			resp, err := transport.RoundTrip(req)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, resp.Body)
			require.NoError(t, err)
			resp.Body.Close()
		}
		require.Equal(t, 4, reused)
	})
}
