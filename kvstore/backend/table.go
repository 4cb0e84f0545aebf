package backend

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// slotSize is the bytes of one slot: a little-endian IEEE 754 double. Text
// would have to be printed and parsed alike by Go and by Redis's Lua; bits
// need no such care.
const slotSize = 8

// table is a latency table as it is kept: slots, the unseen ones at the end
// left out.
type table []byte

func (t table) at(i int) float64 {
	if (i+1)*slotSize > len(t) {
		return 0
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(t[i*slotSize:]))
}

// resized returns a copy of t with exactly w slots.
func (t table) resized(w int) table {
	r := make(table, w*slotSize)
	copy(r, t)
	return r
}

// set needs the slot to be there.
func (t table) set(i int, v float64) {
	binary.LittleEndian.PutUint64(t[i*slotSize:], math.Float64bits(v))
}

// add applies the sample of request n <= w to a table of w slots.
func (t table) add(n int, us, epsilon float64) {
	t.set(n-1, ewma(t.at(n-1), us, epsilon))
	w := len(t) / slotSize
	t.set(w-1, t.at(w-2))
}

// ewma weighs a new sample into a slot. The conversions keep the compiler from
// fusing the sum into one rounding on machines that can: the same samples give
// the same table everywhere, in Go and in Redis.
func ewma(theta, us, epsilon float64) float64 {
	if theta == 0 {
		return us
	}
	return float64(epsilon*us) + float64((1-epsilon)*theta)
}

// latencies returns the first w slots.
func (t table) latencies(w int) []float64 {
	out := make([]float64, w)
	for i := range out {
		out[i] = t.at(i)
	}
	return out
}

// pack writes samples as Redis's script reads them: "<I4d" each.
func pack(samples []kvstore.Sample) []byte {
	out := make([]byte, 0, len(samples)*12)
	for _, s := range samples {
		out = binary.LittleEndian.AppendUint32(out, uint32(s.RequestNumber))
		out = binary.LittleEndian.AppendUint64(out, math.Float64bits(s.LatencyUS))
	}
	return out
}

// checkTable reports a table that is not one.
func checkTable(fn string, raw []byte) error {
	if len(raw)%slotSize == 0 {
		return nil
	}
	return fmt.Errorf("stored table of function %s is damaged: %d bytes are no whole slots: delete the function", fn, len(raw))
}
