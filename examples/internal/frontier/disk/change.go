package disk

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"runtime"

	"github.com/cockroachdb/pebble/v2"

	"myriad/examples/internal/frontier"
	"myriad/examples/internal/weburl"
)

// First bytes of keys.
const (
	prefixSeen    = 's'
	prefixHost    = 'h'
	prefixWaiting = 'q'
)

var (
	keyVersion = []byte("v")
	keyCounts  = []byte("c")
)

const (
	countsBytes = 32
	hashBytes   = 16
)

// change is one batch.
type change struct {
	s       *Store
	batch   *pebble.Batch
	new     map[[hashBytes]byte]struct{}
	perHost map[string]int // links of hosts, where that is limited
	sites   []string       // that get something
	number  uint64
	seen    int64
	left    int64
	leftOut int64
}

// change ends an item, if there is one, and adds links.
func (s *Store) change(done *frontier.Item, links []frontier.Link) (added int, err error) {
	s.mu.Lock()
	c := &change{s: s, batch: s.db.NewBatch(), number: s.number}
	err = c.make(done, links)
	if err == nil && (!c.batch.Empty() || c.leftOut > 0) {
		err = c.commit()
	}
	c.batch.Close()
	s.mu.Unlock()
	if err != nil {
		return 0, fmt.Errorf("disk: %w", err)
	}
	for _, site := range c.sites {
		s.ready(site)
	}
	return int(c.seen), nil
}

func (c *change) make(done *frontier.Item, links []frontier.Link) error {
	if done != nil {
		c.left--
		if err := c.batch.Delete(waitingKey(nil, siteOf(done.URL), done.Seq), nil); err != nil {
			return err
		}
	}
	for _, l := range links {
		if err := c.add(l); err != nil {
			return err
		}
	}
	for host, count := range c.perHost {
		if err := c.batch.Set(hostKey(host), binary.AppendUvarint(nil, uint64(count)), nil); err != nil {
			return err
		}
	}
	return nil
}

// add adds a link if it is new.
func (c *change) add(l frontier.Link) error {
	sum := sha256.Sum256([]byte(l.URL))
	hash := [hashBytes]byte(sum[:hashBytes])
	if _, again := c.new[hash]; again {
		return nil
	}
	key := append([]byte{prefixSeen}, hash[:]...)
	_, closer, err := c.s.db.Get(key)
	if err == nil {
		return closer.Close()
	}
	if err != pebble.ErrNotFound {
		return err
	}
	site, host, _ := weburl.Split(l.URL)
	if full, err := c.hostFull(host); err != nil || full {
		return err
	}
	if c.new == nil {
		c.new = make(map[[hashBytes]byte]struct{}, 8)
	}
	c.new[hash] = struct{}{}
	if err := c.batch.Set(key, nil, nil); err != nil {
		return err
	}
	c.number++
	c.seen++
	c.left++
	if n := len(c.sites); n == 0 || c.sites[n-1] != site {
		c.sites = append(c.sites, site)
	}
	return c.batch.Set(waitingKey(nil, site, c.number), l.Append(nil), nil)
}

// hostFull counts a link of a host, unless there are too many.
func (c *change) hostFull(host string) (bool, error) {
	if c.s.perHost <= 0 {
		return false, nil
	}
	count, known := c.perHost[host]
	if !known {
		text, err := c.s.get(hostKey(host))
		if err != nil {
			return false, err
		}
		n, _ := binary.Uvarint(text)
		count = int(n)
	}
	if count >= c.s.perHost {
		c.leftOut++
		return true, nil
	}
	if c.perHost == nil {
		c.perHost = make(map[string]int)
	}
	c.perHost[host] = count + 1
	return false, nil
}

// commit makes the change, in memory at once and in the log soon.
func (c *change) commit() error {
	n := &c.s.counts
	seen, left, leftOut := n.seen.Load()+c.seen, n.left.Load()+c.left, n.leftOut.Load()+c.leftOut
	counts := make([]byte, 0, countsBytes)
	for _, v := range []uint64{uint64(seen), uint64(left), uint64(leftOut), c.number} {
		counts = binary.BigEndian.AppendUint64(counts, v)
	}
	if err := c.batch.Set(keyCounts, counts, nil); err != nil {
		return err
	}
	if err := c.log(); err != nil {
		return err
	}
	n.seen.Store(seen)
	n.left.Store(left)
	n.leftOut.Store(leftOut)
	c.s.number = c.number
	return nil
}

// log has Pebble commit the batch, which panics, with locks held, when its log
// cannot be written: that ends the store as its other failures of the disk do.
func (c *change) log() error {
	defer func() {
		failed := recover()
		if failed == nil {
			return
		}
		err, ok := failed.(error)
		if _, bug := failed.(runtime.Error); bug || !ok {
			panic(failed)
		}
		c.s.logger.Fatalf("%v", err)
	}()
	return c.batch.Commit(pebble.NoSync)
}

func hostKey(host string) []byte { return append([]byte{prefixHost}, host...) }

// waitingKey appends the key of a link that waits. Sites have no byte below
// the space, so that their keys do not mix.
func waitingKey(to []byte, site string, number uint64) []byte {
	to = append(append(append(to, prefixWaiting), site...), 0)
	return binary.BigEndian.AppendUint64(to, number)
}
