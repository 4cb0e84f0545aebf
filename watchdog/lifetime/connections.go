package lifetime

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

// States of a TCP socket in /proc/net/tcp that belong to no connection, or to
// one that its process has done with.
const (
	tcpTimeWait = "06"
	tcpListen   = "0A"
)

// connectionPace is how often the connections into the function are looked at.
const connectionPace = time.Millisecond

// awaitNoConnections waits until the function at addr has closed its side of
// every connection: one that it has not yet accepted would abort a dump.
func awaitNoConnections(ctx context.Context, addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("the function's address: %w", err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return fmt.Errorf("the function's port %q: %w", port, err)
	}
	for {
		n := connections(number)
		if n == 0 {
			return nil
		}
		select {
		case <-time.After(connectionPace):
		case <-ctx.Done():
			return fmt.Errorf("%d connections into the function stay open at %s", n, addr)
		}
	}
}

// connections counts the connections whose own end is the port.
func connections(port uint64) int {
	n := 0
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		raw, err := os.ReadFile(table)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			continue // without the table the dump itself has to tell
		}
		n += countIn(raw, port)
	}
	return n
}

// countIn reads a table like
//
//	sl  local_address rem_address   st …
//	 0: 0100007F:1388 00000000:0000 0A …
func countIn(table []byte, port uint64) int {
	suffix := fmt.Appendf(nil, ":%04X", port)
	n := 0
	for line := range bytes.Lines(table) {
		fields := bytes.Fields(line)
		if len(fields) < 4 || !bytes.HasSuffix(fields[1], suffix) {
			continue
		}
		if state := string(fields[3]); state != tcpListen && state != tcpTimeWait {
			n++
		}
	}
	return n
}
