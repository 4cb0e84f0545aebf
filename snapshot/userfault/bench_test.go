package userfault

import "testing"

const benchSize = 32 << 20

// toFill is memory of which nothing is there.
func toFill(b *testing.B, files *Files) ([]byte, *Pager) {
	fd := open(b)
	m := missing(b, fd, benchSize)
	p := serve(b, files, nil)
	p.Add(fd, Missing{Regions: []Region{{Start: address(m), End: address(m) + benchSize, File: "pages"}}})
	p.Complete()
	return m, p
}

// BenchmarkFault is what a process waits for memory that it touches, a page here
// and there; BenchmarkFill what the rest costs. Give them two goroutines at a
// time, GOMAXPROCS=2: the pager is in the same program.
func BenchmarkFault(b *testing.B) {
	raw, files := contents(b, benchSize)
	for b.Loop() {
		b.StopTimer()
		m, p := toFill(b, files)
		b.StartTimer()
		for i := 0; i < benchSize; i += 128 << 10 {
			if touch(b, m, i) != raw[i] {
				b.Fatal("wrong byte")
			}
		}
		b.StopTimer()
		p.Fill(Now)
		_ = ended(b, p)
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/(benchSize/(128<<10)), "us/fault")
}

func BenchmarkFill(b *testing.B) {
	_, files := contents(b, benchSize)
	for b.Loop() {
		b.StopTimer()
		_, p := toFill(b, files)
		b.StartTimer()
		p.Fill(Now)
		_ = ended(b, p)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/(benchSize/PageSize), "us/page")
}
