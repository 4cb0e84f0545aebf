package backend

import (
	"context"

	"go.etcd.io/bbolt"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

func (s *file) AddSamples(ctx context.Context, fn string, b kvstore.Batch) (res kvstore.BatchResult, err error) {
	err = s.update(ctx, func(tx *bbolt.Tx) (err error) {
		res, err = functionIn(tx, fn).addSamples(b, hourOf(s.now()))
		return err
	})
	if err != nil {
		return kvstore.BatchResult{}, err
	}
	return res, nil
}

// addSamples writes only if there is a new sample.
func (f *function) addSamples(b kvstore.Batch, now hour) (kvstore.BatchResult, error) {
	m, err := f.meta()
	if err != nil {
		return kvstore.BatchResult{}, err
	}
	t := table(f.get(tableKey)).resized(m.Params.MaxRequests)
	seen := f.seen(b.Lifetime)
	res := apply(t, m.Params.Epsilon, &seen, b.Samples)
	if res.Applied == 0 {
		return res, nil
	}
	m.Samples += int64(res.Applied)
	if err := f.putMeta(m); err != nil {
		return res, err
	}
	if err := f.put(tableKey, t); err != nil {
		return res, err
	}
	return res, f.putSeen(b.Lifetime, seen, now)
}

// apply puts the samples that are new into the table.
func apply(t table, epsilon float64, seen *seenRecord, samples []kvstore.Sample) (res kvstore.BatchResult) {
	w := len(t) / slotSize
	for _, s := range samples {
		switch {
		case s.RequestNumber > w:
			res.Ignored++
		case !seen.mark(s.RequestNumber):
			res.Duplicates++
		default:
			t.add(s.RequestNumber, s.LatencyUS, epsilon)
			res.Applied++
		}
	}
	return res
}
