package state

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math/bits"
	"slices"
)

// Window tells which of numbered pieces of work are finished, when they finish
// in nearly the order of their numbers: all below Low, and some above. It takes
// a bit for each number between Low and the highest that is finished.
//
// As JSON it is {"first": number of the first bit, "words": base64 of the bits,
// eight bytes a word, little-endian}.
type Window struct {
	first uint64 // the number of the first bit, a multiple of 64
	words []uint64
	low   uint64
}

// Low is the first number that is not finished.
func (w *Window) Low() uint64 { return w.low }

// Done marks a number as finished. Marking it again changes nothing.
func (w *Window) Done(n uint64) {
	if n < w.low {
		return
	}
	at := int((n - w.first) / 64)
	for len(w.words) <= at {
		w.words = append(w.words, 0)
	}
	w.words[at] |= 1 << (n % 64)
	if n == w.low {
		w.advance()
	}
}

// advance moves low over what is finished.
func (w *Window) advance() {
	full := 0
	for full < len(w.words) && w.words[full] == ^uint64(0) {
		full++
	}
	w.first += 64 * uint64(full)
	w.words = w.words[full:]
	w.low = w.first
	if len(w.words) > 0 {
		w.low += uint64(bits.TrailingZeros64(^w.words[0]))
	}
}

// Has reports whether a number is finished.
func (w *Window) Has(n uint64) bool {
	if n < w.low {
		return true
	}
	at := (n - w.first) / 64
	return at < uint64(len(w.words)) && w.words[at]>>(n%64)&1 != 0
}

// Count is how many numbers are finished.
func (w *Window) Count() uint64 {
	count := w.first
	for _, word := range w.words {
		count += uint64(bits.OnesCount64(word))
	}
	return count
}

// windowJSON is how a window is kept.
type windowJSON struct {
	First uint64 `json:"first"`
	Words string `json:"words,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (w *Window) MarshalJSON() ([]byte, error) {
	raw := make([]byte, 0, 8*len(w.words))
	for _, word := range w.words {
		raw = binary.LittleEndian.AppendUint64(raw, word)
	}
	return json.Marshal(windowJSON{First: w.first, Words: base64.StdEncoding.EncodeToString(raw)})
}

// UnmarshalJSON implements json.Unmarshaler.
func (w *Window) UnmarshalJSON(text []byte) error {
	var kept windowJSON
	if err := json.Unmarshal(text, &kept); err != nil {
		return err
	}
	raw, err := base64.StdEncoding.DecodeString(kept.Words)
	if err != nil {
		return err
	}
	if kept.First%64 != 0 || len(raw)%8 != 0 {
		return errors.New("state: window: not of whole words")
	}
	*w = Window{first: kept.First, low: kept.First}
	for ; len(raw) > 0; raw = raw[8:] {
		w.words = append(w.words, binary.LittleEndian.Uint64(raw))
	}
	w.advance()
	return nil
}

// Clone returns a copy.
func (w *Window) Clone() Window {
	return Window{first: w.first, words: slices.Clone(w.words), low: w.low}
}
