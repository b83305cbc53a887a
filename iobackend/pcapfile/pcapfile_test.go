package pcapfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/bounded"
	"myriad/iobackend"
	"myriad/iobackend/simlink"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 123456789, time.UTC)

func TestWhatIsWrittenIsRead(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file, Options{Snaplen: 40})
	require.NoError(t, err)
	first, second := bytes.Repeat([]byte{1}, 30), bytes.Repeat([]byte{2}, 30)
	require.NoError(t, w.WriteFrame(noon, first))
	require.NoError(t, w.WriteFrame(noon.Add(1), first, second))
	require.NoError(t, w.WriteFrame(noon.Add(2)))
	require.NoError(t, w.Close())
	require.NoError(t, w.Close())
	require.ErrorIs(t, w.WriteFrame(noon, first), io.ErrClosedPipe)

	frames, err := ReadAll(&file)
	require.NoError(t, err)
	require.Equal(t, []Frame{
		{At: noon, Data: first, Bytes: 30},
		{At: noon.Add(1), Data: append(append([]byte{}, first...), second[:10]...), Bytes: 60},
		{At: noon.Add(2), Data: nil, Bytes: 0},
	}, frames)
}

func TestReaderKnowsEveryFlavour(t *testing.T) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		for magic, want := range map[uint32]int{magicNano: 789, magicMicro: 789000} {
			var f [fileHeaderBytes + frameHeaderBytes + 14]byte
			order.PutUint32(f[0:], magic)
			order.PutUint32(f[20:], linkEthernet)
			order.PutUint32(f[24:], uint32(noon.Unix()))
			order.PutUint32(f[28:], 789)
			order.PutUint32(f[32:], 14)
			order.PutUint32(f[36:], 60)
			frames, err := ReadAll(bytes.NewReader(f[:]))
			require.NoError(t, err)
			require.Len(t, frames, 1)
			require.Equal(t, want, frames[0].At.Nanosecond())
			require.Equal(t, 60, frames[0].Bytes)
		}
	}
}

func TestReaderRefusesLies(t *testing.T) {
	var file bytes.Buffer
	w, _ := NewWriter(&file, Options{})
	w.WriteFrame(noon, make([]byte, 60))
	w.Close()
	good := file.Bytes()
	change := func(offset int, value uint32) []byte {
		b := append([]byte(nil), good...)
		binary.LittleEndian.PutUint32(b[offset:], value)
		return b
	}
	for name, c := range map[string]struct {
		file []byte
		want error
	}{
		"magic":              {change(0, 1), ErrFormat},
		"link type":          {change(20, 113), ErrFormat},
		"kept more than all": {change(24+8, 61), ErrFormat},
		"kept 4 GiB":         {change(24+8, 0xFFFFFFFF), ErrFormat},
		"nanoseconds":        {change(24+4, 1e9), ErrFormat},
		"header cut":         {good[:10], io.ErrUnexpectedEOF},
		"frame header cut":   {good[:30], io.ErrUnexpectedEOF},
		"frame cut":          {good[:len(good)-1], io.ErrUnexpectedEOF},
		"frame missing":      {good[:40], io.ErrUnexpectedEOF},
	} {
		_, err := ReadAll(bytes.NewReader(c.file))
		require.ErrorIs(t, err, c.want, name)
	}
}

func TestWriterRefusesByName(t *testing.T) {
	for _, snaplen := range []int{-1, 13, SnaplenMax + 1} {
		_, err := NewWriter(io.Discard, Options{Snaplen: snaplen})
		require.ErrorContains(t, err, "Snaplen")
	}
	w, err := NewWriter(io.Discard, Options{})
	require.NoError(t, err)
	defer w.Close()
	require.ErrorIs(t, w.WriteFrame(time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC)), ErrInstant)
	require.ErrorIs(t, w.WriteFrame(time.Date(2107, 1, 1, 0, 0, 0, 0, time.UTC)), ErrInstant)
	require.EqualValues(t, 2, w.Lost())
	require.NoError(t, w.WriteFrame(noon), "one bad frame does not end the capture")
}

func TestFlushedWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var file lockedBuffer
		w, err := NewWriter(&file, Options{})
		require.NoError(t, err)
		for range 3 {
			before := file.len()
			require.NoError(t, w.WriteFrame(noon, make([]byte, 60)))
			require.Equal(t, before, file.len())
			time.Sleep(time.Second)
			synctest.Wait()
			require.Equal(t, before+76, file.len())
		}
		require.NoError(t, w.Close())
	})
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Len()
}

func newLink(t *testing.T, c simlink.Config) *simlink.Link {
	c.Debug = true
	l, err := simlink.New(c)
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

// transmit sends one packet in pieces of the frame size.
func transmit(t *testing.T, q iobackend.Queue, packet []byte) {
	t.Helper()
	var frames []iobackend.Frame
	for len(packet) > 0 {
		var f [1]iobackend.Frame
		require.Equal(t, 1, q.Reserve(f[:]))
		n := copy(f[0].Data, packet)
		f[0].Data, f[0].More = f[0].Data[:n], n < len(packet)
		packet = packet[n:]
		frames = append(frames, f[0])
	}
	require.NoError(t, q.Transmit(frames))
}

func testPacket(size int, mark byte) []byte {
	p := bytes.Repeat([]byte{mark}, size)
	copy(p, []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0})
	return p
}

func TestWrapWritesBothWaysWithTheDevicesTime(t *testing.T) {
	l := newLink(t, simlink.Config{MTU: 9000, Start: time.Hour,
		Ends: []simlink.EndConfig{{}, {Impairments: simlink.Impairments{Delay: time.Millisecond}}}})
	var file bytes.Buffer
	d, err := Wrap(l.End(0), &file, Options{Epoch: noon})
	require.NoError(t, err)
	require.Equal(t, "simlink, captured", d.Info().Method)
	q := d.Queue(0)
	jumbo, answer := testPacket(5000, 7), testPacket(3000, 9)
	transmit(t, q, jumbo)
	l.End(1).Inject(answer)
	l.Clock().Advance(time.Millisecond)
	var f [8]iobackend.Frame
	n, _, err := q.Receive(f[:])
	require.NoError(t, err)
	require.Equal(t, 2, n)
	q.Release(f[:n])
	require.NoError(t, d.Close())
	require.NoError(t, d.Close())

	frames, err := ReadAll(&file)
	require.NoError(t, err)
	require.Equal(t, []Frame{
		{At: noon.Add(time.Hour), Data: jumbo, Bytes: 5000},
		{At: noon.Add(time.Hour + time.Millisecond), Data: answer, Bytes: 3000},
	}, frames)
}

func TestEpochFollowsTheWallClock(t *testing.T) {
	l := newLink(t, simlink.Config{Start: 1000 * time.Hour})
	var file bytes.Buffer
	before := time.Now()
	d, err := Wrap(l.End(0), &file, Options{})
	require.NoError(t, err)
	after := time.Now()
	transmit(t, d.Queue(0), testPacket(60, 1))
	require.NoError(t, d.Close())
	frames, err := ReadAll(&file)
	require.NoError(t, err)
	require.False(t, frames[0].At.Before(before.Round(0)))
	require.False(t, frames[0].At.After(after.Round(0)))
}

func TestHandedOverFramesAreWrittenOnce(t *testing.T) {
	l := newLink(t, simlink.Config{MTU: 4000, Ends: []simlink.EndConfig{{}, {Queues: 2, HandOverFrames: 4}}})
	var file bytes.Buffer
	d, err := Wrap(l.End(1), &file, Options{Epoch: noon})
	require.NoError(t, err)
	for range 3 { // alike, so that only counting tells them apart
		l.End(0).Inject(testPacket(3000, 1))
	}
	var f [8]iobackend.Frame
	n, _, err := d.Queue(0).Receive(f[:])
	require.NoError(t, err)
	require.Equal(t, 6, n)
	handed := 0
	for i := range n {
		if d.Queue(0).HandOver(f[i], 1) {
			f[i].Data = nil
			handed++
		}
	}
	require.Equal(t, 4, handed, "there is room for two packets")
	d.Queue(0).Release(f[:n])
	n, _, err = d.Queue(1).Receive(f[:])
	require.NoError(t, err)
	require.Equal(t, 4, n)
	d.Queue(1).Release(f[:n])
	require.NoError(t, d.Close())
	frames, err := ReadAll(&file)
	require.NoError(t, err)
	require.Len(t, frames, 3)
	require.Zero(t, l.Leaked())
}

// brokenDisk takes so many bytes.
type brokenDisk struct{ room int }

var errDiskFull = errors.New("disk full")

func (b *brokenDisk) Write(p []byte) (int, error) {
	if len(p) > b.room {
		return b.room, errDiskFull
	}
	b.room -= len(p)
	return len(p), nil
}

func TestWriteErrorsNeverStopTheTraffic(t *testing.T) {
	l := newLink(t, simlink.Config{})
	d, err := Wrap(l.End(0), &brokenDisk{room: 100}, Options{})
	require.NoError(t, err)
	var f [1]iobackend.Frame
	for range 200 {
		transmit(t, d.Queue(0), testPacket(1500, 1))
		n, _, err := l.End(1).Queue(0).Receive(f[:])
		require.NoError(t, err)
		require.Equal(t, 1, n)
		l.End(1).Queue(0).Release(f[:])
	}
	err = d.Close()
	require.ErrorIs(t, err, errDiskFull)
	require.ErrorContains(t, err, "frames are missing")
	require.NotContains(t, err.Error(), " 0 frames")

	_, err = Wrap(l.End(0), &brokenDisk{}, Options{})
	require.ErrorIs(t, err, errDiskFull)
}

func TestSeveralQueuesAndDevicesOneWriter(t *testing.T) {
	l := newLink(t, simlink.Config{RealTime: true, Ends: []simlink.EndConfig{{Queues: 4}, {Queues: 1}}})
	var file bytes.Buffer
	w, err := NewWriter(&file, Options{})
	require.NoError(t, err)
	d := WrapWriter(l.End(0), w, time.Time{})
	var wait sync.WaitGroup
	for i := range 4 {
		wait.Go(func() {
			var f [1]iobackend.Frame
			for range 200 {
				if d.Queue(i).Reserve(f[:]) == 1 {
					f[0].Data = f[0].Data[:60+i]
					d.Queue(i).Transmit(f[:])
				}
			}
		})
	}
	wait.Wait()
	require.NoError(t, d.Close())
	require.NoError(t, w.WriteFrame(noon, nil), "the writer is its maker's to close")
	require.NoError(t, w.Close())
	frames, err := ReadAll(&file)
	require.NoError(t, err)
	require.Len(t, frames, 801)
	require.NotNil(t, d.Unwrap())
}

func TestTcpdumpReadsIt(t *testing.T) {
	tcpdump, err := exec.LookPath("tcpdump")
	if err != nil {
		t.Skip("tcpdump is not installed")
	}
	path := filepath.Join(t.TempDir(), "a.pcap")
	file, err := os.Create(path)
	require.NoError(t, err)
	defer file.Close()
	w, err := NewWriter(file, Options{})
	require.NoError(t, err)
	syn := synFrame()
	require.NoError(t, w.WriteFrame(noon, syn[:20], syn[20:]))
	require.NoError(t, w.WriteFrame(noon.Add(time.Microsecond), syn))
	require.NoError(t, w.Close())
	cmd := exec.Command(tcpdump, "-vv", "-n", "-tt", "--nano", "-r", path)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	text := string(out)
	require.Equal(t, 2, strings.Count(text, "10.0.0.1.1234 > 10.0.0.2.80: Flags [S]"), text)
	require.Equal(t, 2, strings.Count(text, "(correct)"), text)
	require.NotContains(t, text, "incorrect")
	require.NotContains(t, text, "bad cksum")
	require.Contains(t, text, "1767355200.123456789 ")
}

// synFrame is a SYN with right checksums.
func synFrame() []byte {
	f := make([]byte, 54)
	copy(f, testPacket(14, 0))
	ip, tcp := f[14:34], f[34:]
	ip[0], ip[3], ip[8], ip[9] = 0x45, 40, 64, 6
	copy(ip[12:], []byte{10, 0, 0, 1, 10, 0, 0, 2})
	binary.BigEndian.PutUint16(tcp[0:], 1234)
	binary.BigEndian.PutUint16(tcp[2:], 80)
	tcp[12], tcp[13] = 0x50, 2
	sum := func(start uint32, b []byte) uint16 {
		for i := 0; i < len(b); i += 2 {
			start += uint32(b[i])<<8 | uint32(b[i+1])
		}
		for start > 0xFFFF {
			start = start>>16 + start&0xFFFF
		}
		return ^uint16(start)
	}
	binary.BigEndian.PutUint16(ip[10:], sum(0, ip))
	pseudo := append([]byte{0, 6, 0, 20}, ip[12:20]...)
	binary.BigEndian.PutUint16(tcp[16:], sum(uint32(^sum(0, pseudo)), tcp))
	return f
}

func FuzzReader(f *testing.F) {
	var file bytes.Buffer
	w, _ := NewWriter(&file, Options{})
	w.WriteFrame(noon, make([]byte, 60))
	w.WriteFrame(noon, make([]byte, 10))
	w.Close()
	f.Add(file.Bytes())
	f.Add(file.Bytes()[:50])
	f.Fuzz(func(t *testing.T, data []byte) {
		bounded.Input(t, 64<<20, func() {
			r, err := NewReader(bytes.NewReader(data))
			if err != nil {
				return
			}
			for {
				frame, err := r.Next()
				if err != nil {
					break
				}
				if len(frame.Data) > frame.Bytes || len(frame.Data) > len(data) {
					t.Fatalf("%d bytes of a frame of %d, from a file of %d", len(frame.Data), frame.Bytes, len(data))
				}
			}
			if cap(r.data) > max(SnaplenMax, 2048) {
				t.Fatalf("%d bytes allocated", cap(r.data))
			}
		})
	})
}

func BenchmarkWriteFrame(b *testing.B) {
	w, err := NewWriter(io.Discard, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	frame := testPacket(200, byte(rand.Uint32()))
	b.ReportAllocs()
	for b.Loop() {
		w.WriteFrame(noon, frame)
	}
}
