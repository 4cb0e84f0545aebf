// Command counter is a function for tests, which starts quickly and is quickly
// dumped. It counts its requests, and says so in X-Invocations.
//
// Its memory holds COUNTER_MIB (4) MiB of random bytes, so that its snapshots
// have packs of some frames; every request changes one page of them.
//
//	?hold=50ms    answers after that time
//	?keep=TEXT    holds TEXT in memory from then on
//	/clock        answers CLOCK_MONOTONIC, in ns
//	/usage        answers the numbers of its threads and descriptors
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const pageSize = 4096

type counter struct {
	mu     sync.Mutex
	count  int
	memory []byte
	kept   [][]byte
}

func main() {
	mib, err := strconv.Atoi(cmp.Or(os.Getenv("COUNTER_MIB"), "4"))
	if err != nil {
		log.Fatal(err)
	}
	c := &counter{memory: make([]byte, mib<<20)}
	_, _ = rand.Read(c.memory) // never fails
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "counted") })
	http.HandleFunc("/clock", clock)
	http.HandleFunc("/usage", usage)
	log.Fatal(serve(c))
}

// serve listens without MPTCP, Go's default, which CRIU cannot dump.
func serve(h http.Handler) error {
	var plain net.ListenConfig
	plain.SetMultipathTCP(false)
	ln, err := plain.Listen(context.Background(), "tcp", "127.0.0.1:5000")
	if err != nil {
		return err
	}
	return http.Serve(ln, h)
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if hold, err := time.ParseDuration(r.FormValue("hold")); err == nil {
		time.Sleep(hold)
	}
	n := c.countOne(r.FormValue("keep"))
	w.Header().Set("X-Invocations", strconv.Itoa(n))
	fmt.Printf("counter request %d \n", n)
	http.DefaultServeMux.ServeHTTP(w, r)
}

func (c *counter) countOne(keep string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	if len(c.memory) > 0 {
		_, _ = rand.Read(c.memory[c.count*pageSize%len(c.memory):][:64])
	}
	if keep != "" {
		c.kept = append(c.kept, []byte(keep))
	}
	return c.count
}

func clock(w http.ResponseWriter, _ *http.Request) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprintln(w, now.Nano())
}

func usage(w http.ResponseWriter, _ *http.Request) {
	for _, list := range []string{"task", "fd"} {
		entries, err := os.ReadDir("/proc/self/" + list)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, list, len(entries))
	}
}
