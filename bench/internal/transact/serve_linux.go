package transact

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// ServeCommand is the argument with which this program is the server over TLS,
// to be passed on to Serve with those that follow it.
const ServeCommand = "transact-serve"

// Serve answers over TLS until it is killed: a process of its own, since one may
// have only so many sockets. It writes its certificate to out once it listens.
func Serve(args []string, out io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("transact: %s is started by this program itself, with the length of a reply", ServeCommand)
	}
	replyBytes, err := strconv.Atoi(args[0])
	if err != nil || replyBytes < 1 || replyBytes > ReplyMax {
		return fmt.Errorf("transact: %s: a reply of %q bytes is not within 1 to %d", ServeCommand, args[0], ReplyMax)
	}
	cert, err := certificate()
	if err != nil {
		return fmt.Errorf("transact: make a certificate: %w", err)
	}
	raiseFiles(ConnectionsMax + 256)
	l, err := net.Listen("tcp4", server.String())
	if err != nil {
		return fmt.Errorf("transact: %w", err)
	}
	fmt.Fprintln(out, base64.StdEncoding.EncodeToString(cert.Certificate[0]))
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	for {
		c, err := l.Accept()
		if err != nil {
			return fmt.Errorf("transact: %w", err)
		}
		go answer(tls.Server(c, config), replyBytes)
	}
}

// answer replies to each request until the client has had enough.
func answer(c net.Conn, replyBytes int) {
	defer c.Close()
	request, reply := make([]byte, RequestBytes), make([]byte, replyBytes)
	for {
		if _, err := io.ReadFull(c, request); err != nil {
			return
		}
		if _, err := c.Write(reply); err != nil {
			return
		}
	}
}

// certificate is one that signs itself.
func certificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{server.Addr().AsSlice()}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// serveTLS starts the server, and returns what vouches for it.
func (w *world) serveTLS(c *Case) (*x509.CertPool, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	line, err := w.startServer(exec.Command(self, ServeCommand, strconv.Itoa(c.ReplyBytes)))
	if err != nil {
		return nil, err
	}
	der, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
	if err != nil {
		return nil, fmt.Errorf("the server's certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("the server's certificate: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return roots, nil
}

// startServer starts a server at the far end, and returns what it says once it
// listens.
func (w *world) startServer(cmd *exec.Cmd) (line string, err error) {
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	cmd.Stderr = os.Stderr
	if err := w.far.Start(cmd); err != nil {
		return "", fmt.Errorf("start the server: %w", err)
	}
	w.server = cmd
	if line, err = bufio.NewReader(out).ReadString('\n'); err != nil {
		return "", fmt.Errorf("the server does not listen: %w", err)
	}
	return line, nil
}
