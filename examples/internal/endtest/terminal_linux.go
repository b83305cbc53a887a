package endtest

import (
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// OnTerminal runs the command to its end with a terminal of 200 columns as its
// standard error, and returns what was shown there: the pictures of a line one
// after another, each begun by a carriage return.
func OnTerminal(t testing.TB, code int, args ...string) (shown string) {
	t.Helper()
	master, slave := Terminal(t)
	cmd, _ := Command(t, args...)
	cmd.Stderr = slave
	require.NoError(t, cmd.Start())
	require.NoError(t, slave.Close())
	var text strings.Builder
	_, _ = io.Copy(&text, master) // it fails with EIO when the last user of the terminal has gone
	require.Equal(t, code, ExitCode(cmd.Wait()), text.String())
	return text.String()
}

// Terminal makes a terminal of 200 columns: what is written to slave is read
// from master. Whoever is done with slave closes it; the test's end closes
// master.
func Terminal(t testing.TB) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	require.NoError(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 200}))
	slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	return master, slave
}

// Pictures are those of a progress line among what was shown, the last line
// with the last of them.
func Pictures(shown string) (pictures []string) {
	for _, picture := range strings.FieldsFunc(shown, func(c rune) bool { return c == '\r' || c == '\n' }) {
		if strings.Contains(picture, "% |") {
			pictures = append(pictures, picture)
		}
	}
	return pictures
}
