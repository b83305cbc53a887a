package iterate

import (
	"errors"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// message steps a task with what its server replied.
func (e *Engine) message(t *task, message []byte) {
	r := &e.reply
	err := r.read(message, t.id, &t.sent, t.question.Type)
	switch {
	case errors.Is(err, errCase):
		e.counts.Mismatch++
		if t.stream {
			e.failed(t, BadReply)
			return
		}
		t.server.stream = true
		e.tell(t.server, needsStream)
		e.again(t, true)
	case errors.Is(err, errMismatch):
		e.counts.Mismatch++
		e.failed(t, BadReply)
	case err != nil:
		e.failed(t, BadReply)
	case r.truncated && !t.stream:
		e.again(t, true)
	case r.truncated:
		e.failed(t, BadReply)
	default:
		e.sort(t, r)
	}
}

// sort tells what kind of reply it is.
func (e *Engine) sort(t *task, r *reply) {
	switch r.rcode {
	case dnsmessage.RCodeSuccess, dnsmessage.RCodeNameError:
		e.answer(t, r)
	case dnsmessage.RCodeFormatError, dnsmessage.RCodeNotImplemented:
		if t.edns { // RFC 6891 §7; another's reply may have said so before
			t.server.plain = true
			e.tell(t.server, needsPlain)
			e.again(t, t.stream)
			return
		}
		e.failed(t, ServerRefused)
	case dnsmessage.RCodeServerFailure:
		e.failed(t, ServerFailed)
	default:
		e.failed(t, ServerRefused)
	}
}

// answer follows the CNAMEs within the reply as far as the zone goes, and
// decides by what stands at their end.
func (e *Engine) answer(t *task, r *reply) {
	if len(r.answers) > 0 && !r.authoritative {
		e.failed(t, Lame) // somebody's cache
		return
	}
	moved := false
	for within(t.current, t.zone.name) {
		if e.take(t, r) {
			e.done(t, dnsmessage.RCodeSuccess)
			return
		}
		c := r.alias(t.current)
		if c == nil {
			break
		}
		t.add(r, c)
		if moved = true; !e.move(t, r.string(c.target)) {
			return
		}
	}
	switch {
	case !within(t.current, t.zone.name):
		e.restart(t)
	case r.rcode == dnsmessage.RCodeNameError && (r.authoritative || r.has(dnsmessage.TypeSOA, t.zone.name)):
		e.done(t, r.rcode)
	case e.refer(t, r):
	case r.authoritative && (!moved || r.has(dnsmessage.TypeSOA, t.zone.name)):
		e.done(t, dnsmessage.RCodeSuccess) // no record of that type
	case moved:
		e.restart(t)
	default:
		e.failed(t, Lame)
	}
}

// take takes the records asked for; false if there are none.
func (e *Engine) take(t *task, r *reply) bool {
	found := false
	for k := range r.answers {
		rec := &r.answers[k]
		if (rec.kind == t.question.Type || t.question.Type == dnsmessage.TypeALL) && r.is(rec.name, t.current) {
			found = true
			t.add(r, rec)
		}
	}
	return found
}

// alias is the CNAME of a name, nil if there is none.
func (r *reply) alias(name string) *record {
	for k := range r.answers {
		if rec := &r.answers[k]; rec.kind == dnsmessage.TypeCNAME && r.is(rec.name, name) {
			return rec
		}
	}
	return nil
}

// has reports whether the authority section has a record of the zone or below.
func (r *reply) has(kind dnsmessage.Type, zone string) bool {
	for k := range r.authority {
		if rec := &r.authority[k]; rec.kind == kind && within(r.string(rec.name), zone) {
			return true
		}
	}
	return false
}

// move goes on with a CNAME's target; false if the task has ended over that.
func (e *Engine) move(t *task, target string) bool {
	t.chain++
	switch {
	case t.chain > chainMax || target == t.question.Name:
		t.why = CNAMELoop
	case strings.IndexByte(target, '\\') >= 0:
		t.why = NotSupported
	default:
		t.current = target
		return true
	}
	e.leave(t)
	e.release(t)
	e.fail(t)
	return false
}

// restart begins anew for the present name.
func (e *Engine) restart(t *task) {
	e.leave(t)
	e.release(t)
	e.descend(t)
}

// refer follows a referral, and learns of the zone; false if it is none.
func (e *Engine) refer(t *task, r *reply) bool {
	cut := ""
	for k := range r.authority {
		rec := &r.authority[k]
		if rec.kind != dnsmessage.TypeNS {
			continue
		}
		name := r.string(rec.name)
		if cut == "" && name != t.zone.name && within(name, t.zone.name) && within(t.current, name) {
			cut = name
			break
		}
	}
	if cut == "" || r.authoritative && r.has(dnsmessage.TypeSOA, t.zone.name) {
		return false
	}
	e.counts.Referrals++
	z := e.learn(cut, t.zone, r)
	e.leave(t)
	e.release(t)
	t.enter(z)
	e.advance(t)
	return true
}

// learn makes a zone of a referral. Glue counts only for names within the zone
// that gave it.
func (e *Engine) learn(cut string, above *zone, r *reply) *zone {
	now := e.net.Now()
	if known := e.zones.byName[cut]; known != nil && known.expires > now {
		return known // another task was faster; it may be looking up an address
	}
	z := &zone{name: cut}
	ttl := zoneTTLMax
	for k := range r.authority {
		rec := &r.authority[k]
		if rec.kind != dnsmessage.TypeNS || !r.is(rec.name, cut) {
			continue
		}
		ttl = min(ttl, time.Duration(rec.ttl)*time.Second)
		server, glued := r.string(rec.target), false
		for g := range r.glue {
			if r.is(r.glue[g].name, server) && within(server, above.name) {
				e.enlist(z, r.glue[g].addr)
				glued = true
			}
		}
		if !glued && len(z.hosts) < serversMax && strings.IndexByte(server, '\\') < 0 {
			z.hosts = append(z.hosts, host{name: server})
		}
	}
	z.expires = now + max(ttl, zoneTTLMin)
	e.zones.add(z)
	return z
}

// done ends a task with an answer, which may be that there is none.
func (e *Engine) done(t *task, rcode dnsmessage.RCode) {
	e.leave(t)
	e.release(t)
	e.finish(t, rcode, "")
}

// fail ends a task that is nowhere in flight, for its reason.
func (e *Engine) fail(t *task) {
	if t.why == Loop && t.root == t && !t.retried {
		t.retried = true
		e.descend(t)
		return
	}
	e.finish(t, dnsmessage.RCodeServerFailure, t.why)
}

func (e *Engine) finish(t *task, rcode dnsmessage.RCode, why Failure) {
	if t.forZone != nil {
		e.looked(t, why)
	} else {
		e.active--
		e.counts.Finished++
		e.result = Result{
			Question: t.question, Number: t.number, RCode: rcode, Failure: why, Servers: t.senders, Requests: t.requests,
			TCP: t.usedTCP, Elapsed: e.net.Now() - t.started, elements: t.elements, ends: t.ends,
		}
		e.cfg.Done(&e.result)
	}
	t.live = false
	e.free = append(e.free, t.index)
}
