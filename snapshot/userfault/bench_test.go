package userfault

import "testing"

// BenchmarkFault is what a process waits for memory that it touches, a page
// here and there; BenchmarkFill what the rest costs, each in a MB.
func BenchmarkFault(b *testing.B) {
	const size = 32 << 20
	raw, files := contents(b, size)
	for b.Loop() {
		b.StopTimer()
		fd := open(b)
		m := missing(b, fd, size)
		p := serve(b, files, nil)
		p.Add(fd, Missing{Regions: []Region{{Start: address(m), End: address(m) + size, File: "pages"}}})
		p.Complete()
		b.StartTimer()
		for i := 0; i < size; i += 128 << 10 {
			if touch(b, m, i) != raw[i] {
				b.Fatal("wrong byte")
			}
		}
		b.StopTimer()
		p.Fill(Now)
		_ = ended(b, p)
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/(size/(128<<10)), "us/fault")
}

func BenchmarkFill(b *testing.B) {
	const size = 32 << 20
	_, files := contents(b, size)
	for b.Loop() {
		b.StopTimer()
		fd := open(b)
		m := missing(b, fd, size)
		p := serve(b, files, nil)
		p.Add(fd, Missing{Regions: []Region{{Start: address(m), End: address(m) + size, File: "pages"}}})
		p.Complete()
		b.StartTimer()
		p.Fill(Now)
		_ = ended(b, p)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/(size/PageSize), "us/page")
}
