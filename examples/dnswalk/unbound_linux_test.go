package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"myriad/examples/internal/demodns"
	"myriad/examples/internal/endtest"
	"myriad/internal/testbed"
)

// TestUnboundSaysTheSame walks a hierarchy of NSD servers, and asks unbound for
// the same names over the same servers.
func TestUnboundSaysTheSame(t *testing.T) {
	testbed.Require(t)
	for _, program := range []string{"nsd", "unbound"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed: apt-get install %s", program, program)
		}
	}
	near, err := testbed.NewNamespace()
	require.NoError(t, err)
	t.Cleanup(func() { near.Close() })
	tree := demodns.Tree{TLDs: 3, Zones: 4, Names: 25}
	world, err := demodns.Start(near, tree, false)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, world.Stop()) })
	dir := t.TempDir()
	hints := filepath.Join(dir, "root.hints")
	require.NoError(t, os.WriteFile(hints, []byte(". 3600 NS a.root.\na.root. 3600 A 198.19.0.1\n"), 0o644))
	names := filepath.Join(dir, "names")
	require.NoError(t, os.WriteFile(names, []byte(nameList(tree)), 0o644))

	cmd, stderr := endtest.Command(t, "-interface", demodns.Interface, "-source", demodns.Sources.String(), "-hints", hints,
		"-names", names, "-rate", "5000", "-per-server", "100", "-per-server-rate", "0", "-allow", demodns.Targets.String(), "-timeout", "400ms")
	out := new(bytes.Buffer)
	cmd.Stdout = out
	require.NoError(t, near.Start(cmd))
	require.Zero(t, endtest.ExitCode(cmd.Wait()), stderr)
	ours := readLines(t, out)
	requireWalked(t, tree, ours)

	unbound := startUnbound(t, world.Far, dir, hints)
	compared, failed := 0, 0
	for w := range tree.Each {
		if strings.Contains(w.Name, "silent") {
			continue // unbound would wait for minutes
		}
		l := ours[w.Name+" "+strings.TrimPrefix(w.Type.String(), "Type")]
		reply := unbound.ask(t, w.Name, w.Type)
		compared++
		if reply.RCode == dnsmessage.RCodeServerFailure {
			require.NotEmpty(t, l.Error, "unbound fails over %s", w.Name)
			failed++
			continue
		}
		if strings.HasPrefix(w.Name, "ring1.") {
			require.Equal(t, "cname loop", l.Error) // unbound gives out the ring as it is
			continue
		}
		require.Empty(t, l.Error, w.Name)
		require.Equal(t, strings.TrimPrefix(reply.RCode.String(), "RCode"), map[string]string{"NOERROR": "Success", "NXDOMAIN": "NameError"}[l.RCode], w.Name)
		require.Equal(t, theirAnswers(reply), ourAnswers(l), w.Name)
	}
	require.GreaterOrEqual(t, compared, 400)
	require.GreaterOrEqual(t, failed, 5, "the lame, the upward, the loops")
	t.Logf("%d names compared with unbound, %d of them failures of both", compared, failed)
}

func nameList(tree demodns.Tree) string {
	var b strings.Builder
	for w := range tree.Each {
		fmt.Fprintf(&b, "%s %s\n", w.Name, strings.TrimPrefix(w.Type.String(), "Type"))
	}
	return b.String()
}

func ourAnswers(l *line) (all []string) {
	for _, a := range l.Answers {
		all = append(all, a.Name+" "+a.Type+" "+a.Data)
	}
	slices.Sort(all)
	return all
}

// theirAnswers words unbound's records by dnsmessage's own types, not by the
// reader under test.
func theirAnswers(m *dnsmessage.Message) (all []string) {
	for _, a := range m.Answers {
		data := ""
		switch v := a.Body.(type) {
		case *dnsmessage.AResource:
			data = net.IP(v.A[:]).String()
		case *dnsmessage.CNAMEResource:
			data = strings.ToLower(v.CNAME.String())
		case *dnsmessage.NSResource:
			data = strings.ToLower(v.NS.String())
		case *dnsmessage.TXTResource:
			data = `"` + strings.Join(v.TXT, `" "`) + `"`
		}
		all = append(all, strings.ToLower(a.Header.Name.String())+" "+strings.TrimPrefix(a.Header.Type.String(), "Type")+" "+data)
	}
	slices.Sort(all)
	return all
}

// resolver is an unbound, asked over one TCP connection per question.
type resolver struct{ far *testbed.Namespace }

// unboundConf has no minimisation of names, as we have none.
const unboundConf = `server:
  interface: 127.0.0.1@5353
  outgoing-interface: 198.18.0.2
  do-ip6: no
  do-daemonize: no
  use-syslog: no
  log-queries: no
  num-threads: 1
  chroot: ""
  username: ""
  directory: %q
  pidfile: ""
  root-hints: %q
  module-config: "iterator"
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  local-zone: "test." nodefault
  qname-minimisation: no
remote-control:
  control-enable: no
`

func startUnbound(t *testing.T, far *testbed.Namespace, dir, hints string) *resolver {
	conf := filepath.Join(dir, "unbound.conf")
	require.NoError(t, os.WriteFile(conf, []byte(fmt.Sprintf(unboundConf, dir, hints)), 0o644))
	require.NoError(t, far.LoopbackUp())
	cmd := exec.Command("unbound", "-d", "-c", conf)
	messages := new(bytes.Buffer)
	cmd.Stderr = messages
	require.NoError(t, far.Start(cmd))
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	r := &resolver{far}
	require.Eventually(t, func() bool {
		c, err := far.DialContext(context.Background(), "tcp4", "127.0.0.1:5353")
		if err == nil {
			c.Close()
		}
		return err == nil
	}, 30*time.Second, 20*time.Millisecond, messages)
	return r
}

func (r *resolver) ask(t *testing.T, name string, kind dnsmessage.Type) *dnsmessage.Message {
	t.Helper()
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 7, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}},
	}
	query, err := m.Pack()
	require.NoError(t, err)
	c, err := r.far.DialContext(context.Background(), "tcp4", "127.0.0.1:5353")
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(time.Minute)))
	_, err = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...))
	require.NoError(t, err)
	var length [2]byte
	_, err = io.ReadFull(c, length[:])
	require.NoError(t, err, name)
	reply := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err = io.ReadFull(c, reply)
	require.NoError(t, err)
	var answer dnsmessage.Message
	require.NoError(t, answer.Unpack(reply))
	return &answer
}
