package signing

import (
	"crypto/ed25519"
	"encoding/hex"
)

// smallOrder are the y coordinates of the eight ed25519 points whose order
// divides 8, little-endian, without the sign bit of x, and the two of them that
// fit into 255 bits a second time (y + 2^255-19). Under such a "public key"
// anyone can make signatures: with R of small order too and S = 0, at least one
// message in eight verifies. Source: RFC 8032 (section 5.1 and 8.9); the same
// list is in libsodium (ge25519_has_small_order).
var smallOrder = map[[ed25519.PublicKeySize]byte]bool{
	point("0100000000000000000000000000000000000000000000000000000000000000"): true, // order 1
	point("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"): true, // order 2
	point("0000000000000000000000000000000000000000000000000000000000000000"): true, // order 4
	point("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"): true, // order 8
	point("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"): true, // order 8
	point("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"): true, // order 4, as 2^255-19
	point("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"): true, // order 1, as 2^255-18
}

func point(digits string) (p [ed25519.PublicKeySize]byte) {
	if n, err := hex.Decode(p[:], []byte(digits)); err != nil || n != len(p) {
		panic("signing: not a point: " + digits)
	}
	return p
}

// isSmallOrder expects a key of ed25519.PublicKeySize bytes.
func isSmallOrder(key ed25519.PublicKey) bool {
	y := [ed25519.PublicKeySize]byte(key)
	y[len(y)-1] &= 0x7f
	return smallOrder[y]
}
