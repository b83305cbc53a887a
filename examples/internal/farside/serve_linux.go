package farside

import (
	"encoding/json"
	"errors"
	"io"
	"os/signal"

	"golang.org/x/sys/unix"
)

// Serve is the child: it reads its task from input, has begin start to answer,
// says that it is ready, and at the end of input writes the account that end
// returns. Signals are the parent's to decide on.
func Serve(input io.Reader, output io.Writer, task any, begin func() (end func() (account any, err error), err error)) error {
	signal.Ignore(unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	if err := json.NewDecoder(input).Decode(task); err != nil {
		return err
	}
	end, err := begin()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(output, ready); err != nil {
		_, endErr := end()
		return errors.Join(err, endErr)
	}
	_, _ = io.Copy(io.Discard, input) // until the parent ends, or says so
	account, err := end()
	return errors.Join(err, json.NewEncoder(output).Encode(account))
}
