package config

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// ports are the pairs of a bound address and the one told to others.
var ports = []struct {
	bind, advertise string // flags; advertise may be none
}{
	{"bind-client", "advertise-client"}, {"bind-peer", "advertise-peer"},
	{"bind-election", "advertise-election"}, {"bind-health", ""},
}

func (r *resolver) checkAddresses() {
	bound := map[string]string{} // host:port to flag
	for _, p := range ports {
		bind := settingOf(p.bind)
		if !r.uses(bind) {
			continue
		}
		addr := *bind.at(r.process)
		host, port, err := splitBind(addr)
		if err != nil {
			r.add(p.bind, "%v", err)
		} else if other := clash(bound, host, port); other != "" {
			r.add(p.bind, "must not be the address of %s as well (got %q)", settingOf(other).label(), addr)
		} else {
			bound[net.JoinHostPort(host, port)] = p.bind
		}
		if p.advertise != "" {
			r.advertise(p.bind, p.advertise, port)
		}
	}
}

// clash returns the flag whose listener would be in the way of one more.
func clash(bound map[string]string, host, port string) string {
	if port == "0" {
		return "" // each gets a free one
	}
	for addr, flag := range bound {
		h, p, _ := net.SplitHostPort(addr) // made by JoinHostPort
		if p == port && (h == host || wildcard(h) || wildcard(host)) {
			return flag
		}
	}
	return ""
}

func (r *resolver) advertise(bind, flag, boundPort string) {
	value := settingOf(flag).at(r.process)
	if *value == "" {
		r.defaultAdvertise(bind, flag, boundPort, value)
		return
	}
	if err := ValidateAdvertise(*value); err != nil {
		r.add(flag, "%v", err)
	}
}

// defaultAdvertise uses the host that was bound if that is one, else the machine's name.
func (r *resolver) defaultAdvertise(bind, flag, port string, value *string) {
	if r.bad[bind] {
		return // its port is not known
	}
	if port == "0" {
		r.add(flag, "must be given, because %s has port 0", settingOf(bind).label())
		return
	}
	host, _, _ := net.SplitHostPort(*settingOf(bind).at(r.process)) // checked before
	if wildcard(host) {
		name, err := r.hostname()
		if err != nil || name == "" {
			r.add(flag, "must be given, because this machine's host name can't be found: %v", err)
			return
		}
		host = name
	}
	*value = net.JoinHostPort(host, port)
}

func wildcard(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

// splitBind takes apart an address to listen on: [host]:port, port 0 for any.
func splitBind(addr string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(addr)
	if err != nil {
		return "", "", fmt.Errorf("must be [host]:port, such as :2378 (got %q)", addr)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 || strconv.Itoa(n) != port {
		return "", "", fmt.Errorf("must have a port from 0 to 65535 (got %q)", addr)
	}
	return host, port, nil
}

// ValidateAdvertise checks an address that others are told to connect to: a host
// that means something elsewhere, and a port.
func ValidateAdvertise(addr string) error {
	if strings.Contains(addr, "://") {
		return fmt.Errorf("must be host:port without a scheme (got %q)", addr)
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("must be host:port, such as node-1.example.com:2378 (got %q)", addr)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 || strconv.Itoa(n) != port {
		return fmt.Errorf("must have a port from 1 to 65535 (got %q)", addr)
	}
	if wildcard(host) {
		return errors.New("must name a host that others can reach, not an empty or wildcard one (got \"" + addr + "\")")
	}
	if strings.ContainsAny(host, "/ \t@?#") {
		return fmt.Errorf("must have a plain host name or IP address (got %q)", addr)
	}
	return nil
}
