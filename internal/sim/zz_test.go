package sim
import ("testing";"fmt";"time")
func TestZZ(t *testing.T) {
	w, err := newWorld(newScenario(Mixed, 24), nil)
	if err != nil { t.Fatal(err) }
	fmt.Println(w.run())
	c := w.app.conns[4]
	p := *c.plan
	fmt.Printf("%+v\n", p)
	fmt.Printf("opened %v conn %v sent %d got %d finSent %v fin %v paused %v pausedAt %v disc %v at %v heard %v wake %v\n", c.openedAt, c.connected, c.sent, c.got, c.finSent, c.fin, c.paused, c.pausedAt, c.discarded, c.discardAt, c.heardAt, c.wakeAt)
	fmt.Println(c.plan.peer.truth().fins, time.Now())
}
