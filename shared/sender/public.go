package sender

import (
	"net/netip"
	"slices"
)

// globalUnicast is all of IPv6 that IANA gives out for the public internet
// (RFC 4291, section 2.4; the IPv6 address space registry). What lies outside is
// refused without looking further.
var globalUnicast = netip.MustParsePrefix("2000::/3")

// special lists the IANA special-purpose registries for IPv4 and IPv6 (RFC 6890
// and later entries), multicast, and every form that carries an IPv4 address
// inside an IPv6 one. Blocks that are special and reachable all the same (AS112,
// AMT, anycast of PCP and TURN) are listed too: no endpoint lives there.
var special = []struct{ prefix, source string }{
	{"0.0.0.0/8", "RFC 791: this network; Linux takes 0.0.0.0 for loopback"},
	{"10.0.0.0/8", "RFC 1918: private use"},
	{"100.64.0.0/10", "RFC 6598: shared address space"},
	{"127.0.0.0/8", "RFC 1122: loopback"},
	{"169.254.0.0/16", "RFC 3927: link local; cloud metadata"},
	{"172.16.0.0/12", "RFC 1918: private use"},
	{"192.0.0.0/24", "RFC 6890: IETF protocol assignments"},
	{"192.0.2.0/24", "RFC 5737: documentation, TEST-NET-1"},
	{"192.31.196.0/24", "RFC 7535: AS112-v4"},
	{"192.52.193.0/24", "RFC 7450: AMT"},
	{"192.88.99.0/24", "RFC 7526: 6to4 relay anycast, deprecated"},
	{"192.168.0.0/16", "RFC 1918: private use"},
	{"192.175.48.0/24", "RFC 7534: direct delegation AS112"},
	{"198.18.0.0/15", "RFC 2544: benchmarking"},
	{"198.51.100.0/24", "RFC 5737: documentation, TEST-NET-2"},
	{"203.0.113.0/24", "RFC 5737: documentation, TEST-NET-3"},
	{"224.0.0.0/4", "RFC 5771: multicast"},
	{"240.0.0.0/4", "RFC 1112: reserved"},
	{"255.255.255.255/32", "RFC 919: limited broadcast"},

	{"::/128", "RFC 4291: unspecified"},
	{"::1/128", "RFC 4291: loopback"},
	{"::/96", "RFC 4291: IPv4-compatible, deprecated"},
	{"::ffff:0:0/96", "RFC 4291: IPv4-mapped"},
	{"::ffff:0:0:0/96", "RFC 2765: IPv4-translated (SIIT)"},
	{"64:ff9b::/96", "RFC 6052: IPv4 inside, well-known NAT64 prefix"},
	{"64:ff9b:1::/48", "RFC 8215: IPv4 inside, local NAT64"},
	{"100::/64", "RFC 6666: discard only"},
	{"100:0:0:1::/64", "RFC 9780: dummy prefix"},
	{"2001::/23", "RFC 2928: IETF protocol assignments; Teredo (RFC 4380), benchmarking (RFC 5180), ORCHID (RFC 4843, 7343), DETs (RFC 9374)"},
	{"2001:db8::/32", "RFC 3849: documentation"},
	{"2002::/16", "RFC 3056: 6to4, IPv4 inside"},
	{"2620:4f:8000::/48", "RFC 7534: direct delegation AS112"},
	{"3fff::/20", "RFC 9637: documentation"},
	{"5f00::/16", "RFC 9602: segment routing SIDs"},
	{"fc00::/7", "RFC 4193: unique local"},
	{"fe80::/10", "RFC 4291: link local"},
	{"fec0::/10", "RFC 3879: site local, deprecated"},
	{"ff00::/8", "RFC 4291: multicast"},
}

var special4, special6 = func() (v4, v6 allowed) {
	for _, s := range special {
		if p := netip.MustParsePrefix(s.prefix); p.Addr().Is4() {
			v4 = append(v4, p)
		} else {
			v6 = append(v6, p)
		}
	}
	return v4, v6
}()

// Public reports whether an address may be connected to: whether it is a global
// unicast address of no special purpose. An address with a zone is not, nor is
// an IPv4 address inside an IPv6 one, whichever it is. NAT64 under a network's
// own prefix (RFC 6052, section 2.2) looks like any other address and cannot be
// told.
func Public(a netip.Addr) bool {
	switch {
	case a.Is4():
		return !special4.has(a)
	case a.Is6():
		return a.Zone() == "" && globalUnicast.Contains(a) && !special6.has(a) && !isatap(a)
	}
	return false // the zero Addr
}

// isatap: RFC 5214, section 6.1: an interface identifier 00-00-5E-FE, with
// either of the u and g bits, followed by an IPv4 address.
func isatap(a netip.Addr) bool {
	b := a.As16()
	return b[8]&^3 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
}

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
