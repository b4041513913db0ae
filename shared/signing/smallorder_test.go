package signing_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jobhook/jobhook/shared/signing"
)

// TestSmallOrderKeys forges a signature under each key, to show why it is
// refused: R is a point of small order and S is 0, so no private key is needed.
func TestSmallOrderKeys(t *testing.T) {
	for _, y := range []string{
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		for _, sign := range []byte{0, 0x80} {
			key, err := hex.DecodeString(y)
			if err != nil {
				t.Fatal(err)
			}
			key[31] |= sign
			if !forgeable(key) {
				t.Errorf("%x: nothing can be forged under it: is it of small order?", key)
			}
			_, err = signing.ParseSecret("whpk_" + base64.StdEncoding.EncodeToString(key))
			if err == nil || !strings.Contains(err.Error(), "small order") {
				t.Errorf("%x: got %v, want a refusal that names the small order", key, err)
			}
		}
	}
}

// forgeable tries the identity as R over messages: S·B = R + k·A holds when k
// is a multiple of A's order.
func forgeable(key ed25519.PublicKey) bool {
	signature := make([]byte, ed25519.SignatureSize)
	signature[0] = 1
	for n := range 200 {
		if ed25519.Verify(key, []byte(strconv.Itoa(n)), signature) {
			return true
		}
	}
	return false
}

// TestSmallOrderListIsWhole computes the points. Those of order 1, 2 and 4 have
// y = 1, -1 and 0. Doubled, one of order 8 gives y = 0, that is x² = -y², which
// the curve's equation -x² + y² = 1 + d·x²·y² makes d·y⁴ + 2·y² - 1 = 0.
func TestSmallOrderListIsWhole(t *testing.T) {
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	d := new(big.Int).ModInverse(big.NewInt(121666), p)
	d.Mul(d, big.NewInt(-121665)).Mod(d, p)
	// y² = (-1 ± √(1+d)) / d
	root := new(big.Int).ModSqrt(new(big.Int).Mod(new(big.Int).Add(d, big.NewInt(1)), p), p)
	if root == nil {
		t.Fatal("no points of order 8")
	}
	ys := []*big.Int{big.NewInt(0), big.NewInt(1), new(big.Int).Sub(p, big.NewInt(1))}
	for _, r := range []*big.Int{root, new(big.Int).Neg(root)} {
		square := new(big.Int).Sub(r, big.NewInt(1))
		square.Mul(square, new(big.Int).ModInverse(d, p)).Mod(square, p)
		if y := new(big.Int).ModSqrt(square, p); y != nil {
			ys = append(ys, y, new(big.Int).Sub(p, y))
		}
	}
	count := 0
	for _, y := range ys {
		for ; y.BitLen() <= 255; y = new(big.Int).Add(y, p) { // every encoding of y in 255 bits
			count++
			key := y.FillBytes(make([]byte, 32))
			slices.Reverse(key)
			if _, err := signing.ParseSecret("whpk_" + base64.StdEncoding.EncodeToString(key)); err == nil {
				t.Errorf("y = %x is not refused", y)
			}
		}
	}
	if count != 7 {
		t.Errorf("%d encodings of small order, want 7", count)
	}
}
