package interop

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/testbed"
)

// selfSigned writes a certificate for all targets and its key for nginx, and
// returns what a client has to trust.
func selfSigned(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	for n := range 250 {
		template.IPAddresses = append(template.IPAddresses, net.IP(target(n, 0).Addr().AsSlice()))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	writePEM(t, filepath.Join(dir, certificateFile), "CERTIFICATE", der)
	writePEM(t, filepath.Join(dir, keyFile), "PRIVATE KEY", secret)
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return pool
}

const certificateFile, keyFile = "certificate.pem", "key.pem"

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

// secureClient fetches over the Dialer with TLS, and HTTP/2 if the server
// offers it.
func secureClient(w *world, roots *x509.CertPool, http2 bool) *http.Client {
	d := newDialer(w)
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!http2)
	protocols.SetHTTP2(http2)
	transport := &http.Transport{
		DialContext: d.DialContext, TLSClientConfig: &tls.Config{RootCAs: roots}, Protocols: protocols,
		MaxIdleConnsPerHost: 4, DisableCompression: true,
	}
	w.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// net/http and crypto/tls, over the Dialer, against nginx: HTTP/2, where many
// requests share a connection, and HTTP/1.1. Every byte of every page is
// compared, with a clean path and a lossy one.
func TestNginxThroughTLS(t *testing.T) {
	for _, c := range []struct {
		name, backend string
		http2         bool
		loss          int // of 1,000, each way
		big           bool
	}{
		{name: "http2", http2: true, big: true},
		{name: "http2, afpacket", backend: "afpacket", http2: true},
		{name: "http2 under loss", http2: true, loss: 20},
		{name: "http1", big: true},
		{name: "http1 under loss", loss: 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var loss []string
			if c.loss > 0 {
				loss = append(loss, testbed.DropTCP(c.loss))
			}
			w := newLossyWorld(t, c.backend, loss, loss)
			roots := startNginx(w)
			site := site{web: secureClient(w, roots, c.http2), scheme: "https", port: tlsPort, http2: c.http2}
			site.fetchAll(t, 300)
			if c.big {
				require.NoError(t, site.get(t.Context(), 3, "/big", bigSeed, bigBytes))
			}
			require.Zero(t, w.counter("TcpInErrs"))
			if c.loss > 0 {
				require.NotZero(t, w.counter("TcpRetransSegs"))
			}
		})
	}
}
