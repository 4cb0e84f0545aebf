package server

import (
	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/policy"
)

// asPlanned is the start of an expected latency that is drawn as plans are.
const asPlanned = "planned"

// observeExpected notes what a lifetime can expect of its requests when it
// starts cold, and when it starts as the strategy draws: the ratio is what the
// snapshots are worth by the table as it is. What is not known is not shown.
func (m *metrics) observeExpected(fn string, ps policy.State, starts []policy.StartOption) {
	us, ok := ps.ExpectedLatency(0)
	m.setExpected(fn, agent.Cold, us, ok)
	us, ok = ps.ExpectedOf(starts)
	m.setExpected(fn, asPlanned, us, ok)
}

func (m *metrics) setExpected(fn, start string, us float64, ok bool) {
	if !ok {
		m.expected.DeleteLabelValues(fn, start)
		return
	}
	m.expected.WithLabelValues(fn, start).Set(us / 1e6)
}
