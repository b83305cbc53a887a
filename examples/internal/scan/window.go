package scan

import (
	"sync/atomic"
	"time"
)

// wordBits is how many indices share a word of the window, and the instant of
// their last probe.
const wordBits = 64

// Of one index in sampleEvery the window knows the instant of its probe, so that
// the delays of answers can be told.
const (
	sampleEvery = 8
	samples     = wordBits / sampleEvery // a word
)

// window is one worker's indices between tail and head. The owner moves both;
// any worker may mark.
type window struct {
	bits   []atomic.Uint64
	sentAt []time.Duration // of a word's last probe; the owner's
	probed []time.Duration // of the sampled indices' only probe, 0 where there were more; the owner's
	mask   uint64          // of the words
	end    uint64          // the number of indices
	head   atomic.Uint64   // the next index to be probed
	tail   atomic.Uint64   // the next word to be settled
	passes []atomic.Uint64 // the next word of each retry; the owner moves them

	// What has had its outcome before: of the indices below known, those for
	// which done says so. They count as answered, and nobody waits for them.
	known uint64
	done  func(i uint64) bool
}

// newWindow makes a window of at least size indices, that begins at 0.
func newWindow(size int, end uint64, retries int) *window {
	words := 1
	for words*wordBits < size {
		words *= 2
	}
	return &window{
		bits: make([]atomic.Uint64, words), sentAt: make([]time.Duration, words),
		probed: make([]time.Duration, words*samples), mask: uint64(words - 1), end: end, passes: make([]atomic.Uint64, retries),
	}
}

// room is how many indices may be probed before the tail must move.
func (w *window) room() uint64 {
	return (w.tail.Load()+uint64(len(w.bits)))*wordBits - w.head.Load()
}

// take takes the next indices, all of which are about to be probed; there is
// room, and they are below end.
func (w *window) take(count uint64, now time.Duration) (first uint64) {
	first = w.head.Load()
	for i := first; i < first+count; i = (i/wordBits + 1) * wordBits {
		word := i / wordBits & w.mask
		if i%wordBits == 0 {
			w.bits[word].Store(beyond(i, w.end) | w.doneBits(i))
		}
		w.sentAt[word] = now
	}
	w.head.Store(first + count)
	return first
}

// doneBits are those of the word at i that have had their outcome before.
func (w *window) doneBits(i uint64) (set uint64) {
	for bit := uint64(0); bit < wordBits && i+bit < w.known; bit++ {
		if w.done(i + bit) {
			set |= 1 << bit
		}
	}
	return set
}

// wanted reports whether index i, which was taken, is still to be probed.
func (w *window) wanted(i uint64) bool { return w.open(i/wordBits)>>(i%wordBits)&1 != 0 }

// beyond are the bits of the word at i that stand for nothing.
func beyond(i, end uint64) uint64 {
	if left := end - i; left < wordBits {
		return ^uint64(0) << left
	}
	return 0
}

// sent notes the instant of the first probe to index i, and 0 of another: whose
// answer comes then is not known.
func (w *window) sent(i uint64, now time.Duration) {
	if i%sampleEvery == 0 {
		w.probed[w.sample(i)] = now
	}
}

// sample is the place of a sampled index's instant.
func (w *window) sample(i uint64) uint64 {
	return i/wordBits&w.mask*samples + i%wordBits/sampleEvery
}

// delay is the time since the one probe to index i; ok is false where it is not
// known.
func (w *window) delay(i uint64, now time.Duration) (d time.Duration, ok bool) {
	if i%sampleEvery != 0 {
		return 0, false
	}
	at := w.probed[w.sample(i)]
	return now - at, at > 0
}

// mark notes index i as answered, and reports whether it was not yet, and still
// is within the window.
func (w *window) mark(i uint64) (first, within bool) {
	if i >= w.head.Load() || i/wordBits < w.tail.Load() {
		return false, false
	}
	bit := uint64(1) << (i % wordBits)
	return w.bits[i/wordBits&w.mask].Or(bit)&bit == 0, true
}

// ready reports whether a word has been probed whole, or to the end.
func (w *window) ready(word uint64) bool {
	head := w.head.Load()
	return head >= (word+1)*wordBits || head == w.end && word*wordBits < w.end
}

// due reports whether a retry (by its number; len(passes) is the settling of the
// tail) may take its next word: it was probed, all retries before have passed
// it, and its answers have had their time. at is when they will have had it.
func (w *window) due(pass int, now, timeout time.Duration) (word uint64, due bool, at time.Duration) {
	if pass < len(w.passes) {
		word = w.passes[pass].Load()
	} else {
		word = w.tail.Load()
	}
	before := pass == 0 && w.ready(word) || pass > 0 && w.passes[pass-1].Load() > word
	if !before {
		return word, false, now + timeout
	}
	at = w.sentAt[word&w.mask] + timeout
	if word*wordBits < w.known && w.open(word) == 0 {
		at = now
	}
	return word, now >= at, at
}

// open are the bits of a word that have no answer.
func (w *window) open(word uint64) uint64 { return ^w.bits[word&w.mask].Load() }

// repeated ends a retry of a word.
func (w *window) repeated(pass int, now time.Duration) {
	word := w.passes[pass].Load()
	w.sentAt[word&w.mask] = now
	w.passes[pass].Store(word + 1)
}

// settle ends the tail's word, and returns the bits that had no answer. What
// answers after that is late.
func (w *window) settle() (unanswered uint64) {
	tail := w.tail.Load()
	unanswered = ^w.bits[tail&w.mask].Swap(^uint64(0))
	w.tail.Store(tail + 1)
	return unanswered
}

// over reports whether everything has been settled.
func (w *window) over() bool { return w.tail.Load()*wordBits >= w.end }

// attempts is how many probes a target has been sent.
func (w *window) attempts(i uint64) int {
	n := 1
	for k := range w.passes {
		if w.passes[k].Load() > i/wordBits {
			n++
		}
	}
	return n
}
