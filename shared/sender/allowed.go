package sender

import (
	"net/netip"
	"slices"
)

// loopbacks are 127.0.0.0/8 and ::1 as such, not inside another form.
var loopbacks = allowed{netip.MustParsePrefix("127.0.0.0/8"), netip.PrefixFrom(netip.IPv6Loopback(), 128)}

// allowed are the exceptions from the guard, none in production. A prefix
// holds addresses of its own form alone: an IPv4 one none inside IPv6.
type allowed []netip.Prefix

func exceptions(loopback bool, more []netip.Prefix) allowed {
	if loopback {
		more = append(slices.Clip(more), loopbacks...)
	}
	return more
}

func (l allowed) has(a netip.Addr) bool {
	return slices.ContainsFunc(l, func(p netip.Prefix) bool { return p.Contains(a) })
}

func (l allowed) permits(a netip.Addr) bool { return Public(a) || l.has(a) }

func (l allowed) loopback() bool { return l.has(netip.AddrFrom4([4]byte{127, 0, 0, 1})) }
