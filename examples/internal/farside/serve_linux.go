package farside

import (
	"encoding/json"
	"errors"
	"io"
	"os/signal"

	"golang.org/x/sys/unix"

	"myriad/examples/internal/network"
)

// Serve is the child: it reads its task from input, has begin start to answer,
// says that it is ready, and at the end of input writes the account that end
// returns, and what it has used since it was ready. Signals are the parent's to decide on.
func Serve(input io.Reader, output io.Writer, task any, begin func() (end func() (account any, err error), err error)) error {
	signal.Ignore(unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	if err := json.NewDecoder(input).Decode(task); err != nil {
		return err
	}
	end, err := begin()
	if err != nil {
		return err
	}
	before := network.Process()
	if _, err := io.WriteString(output, ready); err != nil {
		_, endErr := end()
		return errors.Join(err, endErr)
	}
	_, _ = io.Copy(io.Discard, input) // until the parent ends, or says so
	account, err := end()
	out := json.NewEncoder(output)
	return errors.Join(err, out.Encode(account), out.Encode(network.Process().Sub(before)))
}
