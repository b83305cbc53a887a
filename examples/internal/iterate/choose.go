package iterate

import "net/netip"

// advance finds out what the task has to do next in its zone, and has it done:
// ask a server, wait, or fail.
func (e *Engine) advance(t *task) {
	z := t.zone
	if t.total < e.cfg.Tries {
		if t.follows(e) {
			return
		}
		if s := e.choose(t); s != nil {
			e.assign(t, s)
			return
		}
	}
	e.release(t)
	if !e.lookUp(t, z) {
		e.fail(t)
	}
}

// follows has the task wait for another that is about to learn of the same
// cut, or makes it the one that others wait for.
func (t *task) follows(e *Engine) bool {
	if t.alone || t.leads != "" || t.current == t.zone.name {
		return false
	}
	cut := childOf(t.current, t.zone.name)
	if cut == t.current {
		return false // nothing lies between; its reply helps nobody else
	}
	if leader := e.leaders[cut]; leader != nil {
		t.alone = true
		e.counts.Waited++
		leader.followers = append(leader.followers, t)
		return true
	}
	t.leads = cut
	e.leaders[cut] = t
	return false
}

// release lets the followers go on: from the closest zone, which the task may
// have made known.
func (e *Engine) release(t *task) {
	if t.leads == "" {
		return
	}
	delete(e.leaders, t.leads)
	t.leads = ""
	followers := t.followers
	t.followers = nil
	for _, f := range followers {
		z := e.zones.closest(f.current, e.root, e.net.Now())
		if z != f.zone {
			f.enter(z)
		}
		e.advance(f)
	}
}

// band is how much slower than the best a server may be and still be chosen.
const band = 5e6 // ns

// choose takes the next server of the zone: of those asked the least often so
// far, one of the fast ones, at random; one with room, if there is any.
func (e *Engine) choose(t *task) *Server {
	servers := t.zone.servers
	if len(servers) == 0 {
		return nil
	}
	least := uint8(255)
	for k := range servers {
		least = min(least, t.tried[k])
	}
	best := int64(-1)
	crowded := true
	for k, s := range servers {
		if t.tried[k] > least {
			continue
		}
		room := s.inFlight < e.cfg.PerServer
		if d := int64(s.smoothed); best < 0 || crowded && room || d < best && room == !crowded {
			best, crowded = d, !room
		}
	}
	var chosen *Server
	index, count := 0, uint64(0)
	for k, s := range servers {
		if t.tried[k] > least || int64(s.smoothed) > 2*best+band || (s.inFlight < e.cfg.PerServer) == crowded {
			continue
		}
		count++
		if count == 1 || e.random.Uint64()%count == 0 {
			chosen, index = s, k
		}
	}
	if chosen == nil {
		return nil
	}
	t.tried[index]++
	t.total++
	return chosen
}

// assign has the task ask the server, when that has room.
func (e *Engine) assign(t *task, s *Server) {
	t.server, t.stream = s, s.stream
	if s.inFlight >= e.cfg.PerServer {
		s.waiting = append(s.waiting, t)
		return
	}
	s.inFlight++
	e.enqueue(t)
}

// enqueue makes the task ready to be sent; over TCP there is a bound.
func (e *Engine) enqueue(t *task) {
	if !t.stream {
		e.ready.push(t)
		return
	}
	if e.open >= e.cfg.Streams {
		e.starved = append(e.starved, t)
		return
	}
	e.open++
	e.ready.push(t)
}

// leave ends a request: its place at the server goes to the next.
func (e *Engine) leave(t *task) {
	s := t.server
	if t.stream {
		e.open--
		t.stream = false
		e.feed()
	}
	t.attempt++
	t.server = nil
	if len(s.waiting) == 0 {
		s.inFlight--
		return
	}
	next := s.waiting[0]
	s.waiting = s.waiting[1:]
	e.enqueue(next)
}

// lookUp looks up the address of one more of the zone's hosts, or waits for
// who does so already; false if there is none to be had.
func (e *Engine) lookUp(t *task, z *zone) bool {
	if z.child != nil {
		if e.circular(t, z) {
			t.why = Loop
			return false
		}
		t.on = z
		z.waiting = append(z.waiting, t)
		return true
	}
	for k := range z.hosts {
		h := &z.hosts[k]
		if h.tried || z.lookups == hostsMax {
			continue
		}
		if t.depth == depthMax {
			t.why = TooDeep
			return false
		}
		h.tried = true
		z.lookups++
		e.counts.Glueless++
		child := e.newTask(Question{h.name, typeA})
		child.forZone, child.root, child.depth = z, t.root, t.depth+1
		z.child, t.on = child, z
		z.waiting = append(z.waiting, t)
		e.descend(child)
		return true
	}
	if len(z.servers) == 0 {
		t.why = NoServer
		if z.failed != "" {
			t.why = z.failed
		}
		if z.excluded {
			t.why = Excluded
		}
	}
	return false
}

// enlist adds an address of one of a zone's servers, unless it is left alone.
func (e *Engine) enlist(z *zone, a netip.Addr) {
	if e.cfg.Excluded != nil && e.cfg.Excluded(a) {
		e.counts.Excluded++
		if e.cfg.Trouble != nil {
			e.tell(e.server(a), string(Excluded))
		}
		z.excluded = true
		return
	}
	z.add(e.server(a))
}

// circular reports whether t, waiting for z, would wait for itself. Each zone
// has one child, and each task waits for one zone, so there is one way to go.
func (e *Engine) circular(t *task, z *zone) bool {
	for z != nil && z.child != nil {
		if z.child == t {
			return true
		}
		z = z.child.on
	}
	return false
}

// looked ends a look-up: the zone has its addresses, and those who wait go on.
func (e *Engine) looked(child *task, why Failure) {
	z := child.forZone
	z.child, z.failed = nil, why
	if why == "" && len(child.addrs) == 0 {
		z.failed = NoServer
	}
	for _, a := range child.addrs {
		e.enlist(z, a)
	}
	if len(z.servers) == 0 {
		// Not for long: the next who asks may find more.
		z.expires = min(z.expires, e.net.Now()+failedTTL)
		if z.failed == Loop {
			z.expires = e.net.Now()
		}
	}
	waiting := z.waiting
	z.waiting = nil
	for _, t := range waiting {
		t.on = nil
		if len(child.addrs) > 0 {
			t.total = 0
		}
		e.advance(t)
	}
}
