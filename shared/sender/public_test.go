package sender

import (
	"net/netip"
	"testing"
)

// For each block: its first and last address, and what lies just outside and
// whether that is public ("-" marks a neighbour that is special itself).
var blocks = []struct{ prefix, first, last, before, after string }{
	{"0.0.0.0/8", "0.0.0.0", "0.255.255.255", "", "1.0.0.0"},
	{"10.0.0.0/8", "10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"},
	{"100.64.0.0/10", "100.64.0.0", "100.127.255.255", "100.63.255.255", "100.128.0.0"},
	{"127.0.0.0/8", "127.0.0.0", "127.255.255.255", "126.255.255.255", "128.0.0.0"},
	{"169.254.0.0/16", "169.254.0.0", "169.254.255.255", "169.253.255.255", "169.255.0.0"},
	{"172.16.0.0/12", "172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0"},
	{"192.0.0.0/24", "192.0.0.0", "192.0.0.255", "191.255.255.255", "192.0.1.0"},
	{"192.0.2.0/24", "192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0"},
	{"192.31.196.0/24", "192.31.196.0", "192.31.196.255", "192.31.195.255", "192.31.197.0"},
	{"192.52.193.0/24", "192.52.193.0", "192.52.193.255", "192.52.192.255", "192.52.194.0"},
	{"192.88.99.0/24", "192.88.99.0", "192.88.99.255", "192.88.98.255", "192.88.100.0"},
	{"192.168.0.0/16", "192.168.0.0", "192.168.255.255", "192.167.255.255", "192.169.0.0"},
	{"192.175.48.0/24", "192.175.48.0", "192.175.48.255", "192.175.47.255", "192.175.49.0"},
	{"198.18.0.0/15", "198.18.0.0", "198.19.255.255", "198.17.255.255", "198.20.0.0"},
	{"198.51.100.0/24", "198.51.100.0", "198.51.100.255", "198.51.99.255", "198.51.101.0"},
	{"203.0.113.0/24", "203.0.113.0", "203.0.113.255", "203.0.112.255", "203.0.114.0"},
	{"224.0.0.0/4", "224.0.0.0", "239.255.255.255", "223.255.255.255", "-240.0.0.0"},
	{"240.0.0.0/4", "240.0.0.0", "255.255.255.254", "-239.255.255.255", "-255.255.255.255"},
	{"255.255.255.255/32", "255.255.255.255", "255.255.255.255", "-255.255.255.254", ""},

	{"::/128", "::", "::", "", "-::1"},
	{"::1/128", "::1", "::1", "-::", "-::2"},
	{"::/96", "::", "::ffff:ffff", "", "-::1:0:0"},
	{"::ffff:0:0/96", "::ffff:0:0", "::ffff:255.255.255.255", "-::fffe:ffff:ffff", "-::1:0:0:0"},
	{"::ffff:0:0:0/96", "::ffff:0:0:0", "::ffff:0:ffff:ffff", "-::fffe:ffff:ffff:ffff", "-::ffff:1:0:0"},
	{"64:ff9b::/96", "64:ff9b::", "64:ff9b::ffff:ffff", "-64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff", "-64:ff9b::1:0:0"},
	{"64:ff9b:1::/48", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "-64:ff9b:0:ffff:ffff:ffff:ffff:ffff", "-64:ff9b:2::"},
	{"100::/64", "100::", "100::ffff:ffff:ffff:ffff", "-ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-100:0:0:1::"},
	{"100:0:0:1::/64", "100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff", "-100::ffff:ffff:ffff:ffff", "-100:0:0:2::"},
	{"2001::/23", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"},
	{"2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"},
	{"2002::/16", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::"},
	{"2620:4f:8000::/48", "2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff", "2620:4f:7fff:ffff:ffff:ffff:ffff:ffff", "2620:4f:8001::"},
	{"3fff::/20", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"},
	{"5f00::/16", "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-5f01::"},
	{"fc00::/7", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-fe00::"},
	{"fe80::/10", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-fec0::"},
	{"fec0::/10", "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-ff00::"},
	{"ff00::/8", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
}

func TestPublicAtEveryEdge(t *testing.T) {
	t.Parallel()
	if len(blocks) != len(special) {
		t.Errorf("%d blocks are tested, %d are listed", len(blocks), len(special))
	}
	for i, b := range blocks {
		if special[i].prefix != b.prefix || special[i].source == "" {
			t.Errorf("row %d: listed %s (%s), tested %s", i, special[i].prefix, special[i].source, b.prefix)
		}
		p := netip.MustParsePrefix(b.prefix)
		for _, in := range []string{b.first, b.last} {
			if a := netip.MustParseAddr(in); !p.Contains(a) || Public(a) {
				t.Errorf("%s: %s must be inside and not public", b.prefix, in)
			}
		}
		for _, out := range []string{b.before, b.after} {
			checkOutside(t, p, out)
		}
	}
}

func checkOutside(t *testing.T, p netip.Prefix, out string) {
	if out == "" {
		return
	}
	public := out[0] != '-'
	if !public {
		out = out[1:]
	}
	a := netip.MustParseAddr(out)
	if p.Bits() != 4 && p.Contains(a) || Public(a) != public {
		t.Errorf("%s: %s lies outside, public must be %v", p, out, public)
	}
}

func TestPublic(t *testing.T) {
	t.Parallel()
	for in, public := range map[string]bool{
		"1.1.1.1":                              true,
		"93.184.215.14":                        true,
		"2606:4700:4700::1111":                 true,
		"2a00:1450:4001:800::200e":             true,
		"2606:4700:4700::1111%eth0":            false,
		"fe80::1%eth0":                         false,
		"::ffff:93.184.215.14":                 false, // IPv4 inside IPv6, public or not
		"::ffff:10.0.0.1":                      false,
		"2606:4700::5efe:a00:1":                false, // ISATAP of 10.0.0.1
		"2606:4700::200:5efe:a00:1":            false,
		"2606:4700::100:5efe:a00:1":            false,
		"2606:4700::300:5efe:a00:1":            false,
		"2606:4700::400:5efe:a00:1":            true, // no ISATAP identifier
		"2606:4700::5eff:a00:1":                true,
		"2001:0:4136:e378:8000:63bf:3fff:fdd2": false, // Teredo
		"2001:20::1":                           false, // ORCHIDv2
		"4000::1":                              false, // not given out
		"1fff:ffff::1":                         false,
	} {
		if a := netip.MustParseAddr(in); Public(a) != public {
			t.Errorf("Public(%s) = %v", in, !public)
		}
	}
	if Public(netip.Addr{}) {
		t.Error("the zero Addr is public")
	}
}

// Public says yes to nothing that Go's own library finds special, nor to an
// IPv4 address that travels inside another form.
func FuzzPublic(f *testing.F) {
	for _, b := range blocks {
		f.Add(netip.MustParseAddr(b.first).AsSlice())
		f.Add(netip.MustParseAddr(b.last).AsSlice())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, ok := netip.AddrFromSlice(b)
		if !ok || !Public(a) {
			return
		}
		if a.Is4In6() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || !a.IsGlobalUnicast() {
			t.Errorf("Public(%s)", a)
		}
		for _, s := range special {
			if netip.MustParsePrefix(s.prefix).Contains(a) {
				t.Errorf("Public(%s), in %s", a, s.prefix)
			}
		}
	})
}
