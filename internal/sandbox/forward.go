package sandbox

import (
	"fmt"
	"io"
	"net"
	"sync"
)

// forward makes an address of the host reachable at one inside.
func (s *Sandbox) forward(inside, host string) error {
	var ln net.Listener
	err := s.inNetwork(func() (err error) {
		ln, err = net.Listen("tcp", inside)
		return err
	})
	if err != nil {
		return fmt.Errorf("forward %s into the sandbox at %s: %w", host, inside, err)
	}
	s.listeners = append(s.listeners, ln)
	go acceptAll(ln, host)
	return nil
}

func acceptAll(ln net.Listener, addr string) {
	for {
		inside, err := ln.Accept()
		if err != nil {
			return // closed with the sandbox
		}
		go join(inside, addr)
	}
}

// join copies both ways until both sides are done. When the host refuses, the
// connection inside is closed: the program sees a reset, as from a dead server.
func join(inside net.Conn, addr string) {
	defer inside.Close()
	host, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer host.Close()
	var both sync.WaitGroup
	both.Go(func() { copyHalf(host, inside) })
	both.Go(func() { copyHalf(inside, host) })
	both.Wait()
}

func copyHalf(to, from net.Conn) {
	_, _ = io.Copy(to, from) // an error ends this direction, as the end of file does
	if tcp, ok := to.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}
