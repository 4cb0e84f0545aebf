package proxy

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
)

// prepare makes the request for the function. What proxies before us said about
// the client stays; headers that are meant for the next hop only end here.
func (c *call) prepare() error {
	upgrade := upgradeOf(c.r.Header)
	if !isPrintable(upgrade) {
		return fmt.Errorf("client tried to switch to invalid protocol %q", upgrade)
	}
	in := c.r
	c.out = http.Request{
		Method: in.Method, URL: c.proxy.target(in.URL), Header: endToEnd(in.Header, upgrade),
		Host:          cmp.Or(in.Host, c.proxy.settings.Upstream.Host), // HTTP/1.0 may have none
		ContentLength: in.ContentLength, TransferEncoding: in.TransferEncoding,
		Trailer: in.Trailer, // gets its values when the body is at its end
	}
	if c.body != nil {
		c.out.Body = c.body
	}
	return nil
}

// target is the URL below the path of the function's URL.
func (p *Proxy) target(u *url.URL) *url.URL {
	if p.base == "" {
		return u
	}
	below := *u
	below.Path = p.base + u.Path
	if u.RawPath != "" {
		below.RawPath = p.base + u.RawPath
	}
	return &below
}
