package canonjson_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/canonjson"
)

func TestAppend(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"white space":             {" \t\r\n[ 1 , { \"a\" : true , \"b\":null } , false ] \n", `[1,{"a":true,"b":null},false]`},
		"empty":                   {` [ { } , [ ] , "" ] `, `[{},[],""]`},
		"short escapes":           {`"\b\f\n\r\t\"\\\/"`, `"\b\f\n\r\t\"\\/"`},
		"escapes made short":      {`"\u0008\u000C\u000a\u000D\u0009\u0022\u005C\u002f"`, `"\b\f\n\r\t\"\\/"`},
		"other control":           {`"\u0000\u001F\u000b"`, `"\u0000\u001f\u000b"`},
		"escapes of what is free": {`"\u0041\u007f\u00e9\u2028\u2029\u003c\u0026\u20AC"`, "\"A\x7fé\u2028\u2029<&€\""},
		"literal":                 {"\"<>&\u2028\u2029é🎉\x7f\"", "\"<>&\u2028\u2029é🎉\x7f\""},
		"surrogate pair":          {`"\uD83C\uDF89"`, `"🎉"`},
		"lone high":               {`"\uD83C"`, `"\ud83c"`},
		"lone low":                {`"\uDF89x"`, `"\udf89x"`},
		"low before high":         {`"\uDF89\uD83C"`, `"\udf89\ud83c"`},
		"high, then a pair":       {`"\uD83C\uD83C\uDF89"`, `"\ud83c🎉"`},
		"high, then an escape":    {`"\uD83C\u0041\uD83C\n\uD83Cu"`, `"\ud83cA\ud83c\n\ud83cu"`},
		"replacement character":   {`"\uFFFD` + "\uFFFD\"", "\"\uFFFD\uFFFD\""},
		"index keys":              {`{"b":1,"10":2,"a":3,"2":4,"0":5}`, `{"0":5,"2":4,"10":2,"b":1,"a":3}`},
		"keys that are none":      {`{"b":1,"01":2,"-1":3,"1.0":4,"1e0":5,"4294967295":6,"":7," 1":8,"99999999999":9}`, `{"b":1,"01":2,"-1":3,"1.0":4,"1e0":5,"4294967295":6,"":7," 1":8,"99999999999":9}`},
		"largest index":           {`{"a":1,"4294967294":2}`, `{"4294967294":2,"a":1}`},
		"escaped index":           {`{"a":1,"\u0031":2}`, `{"1":2,"a":1}`},
		"indices in objects":      {`{"a":{"x":[{"y":0,"1":{"z":1,"0":2}}],"3":4},"1":5}`, `{"1":5,"a":{"3":4,"x":[{"1":{"0":2,"z":1},"y":0}]}}`},
		"prototype":               {`{"__proto__":1,"constructor":2}`, `{"__proto__":1,"constructor":2}`},
		"repeated":                {`{"a":1,"b":2,"a":3}`, `{"a":1,"b":2,"a":3}`},
		"repeated index":          {`{"1":1,"a":2,"1":3,"0":4}`, `{"0":4,"1":1,"1":3,"a":2}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { check(t, test.in, test.want) })
	}
}

func check(t *testing.T, in, want string) {
	t.Helper()
	got, err := canonjson.Append([]byte("kept"), []byte(in))
	if err != nil || string(got) != "kept"+want {
		t.Errorf("%.200s\n got %.200q, %v\nwant %.200q", in, got, err, want)
		return
	}
	again, err := canonjson.Append(nil, got[4:])
	if err != nil || string(again) != want {
		t.Errorf("again: %.200q, %v", again, err)
	}
}

func TestAppendNumbers(t *testing.T) {
	zeros := strings.Repeat("0", 100_000)
	tests := []struct{ in, want string }{
		{"0", "0"},
		{"-0", "0"},
		{"-0.0", "0"},
		{"0e0", "0"},
		{"0E999999999999999999999", "0"},
		{"0.000e-5", "0"},
		{"1", "1"},
		{"-1", "-1"},
		{"1.0", "1"},
		{"1.50", "1.5"},
		{"-1.0", "-1"},
		{"1e0", "1"},
		{"1E+2", "100"},
		{"100e-2", "1"},
		{"10", "10"},
		{"1e20", "100000000000000000000"},
		{"1e21", "1e+21"},
		{"1e+21", "1e+21"},
		{"123e20", "1.23e+22"},
		{"100000000000000000000", "100000000000000000000"},
		{"1000000000000000000000", "1e+21"},
		{"0.000001", "0.000001"},
		{"0.0000001", "1e-7"},
		{"1e-6", "0.000001"},
		{"1e-7", "1e-7"},
		{"0.00000123", "0.00000123"},
		{"0.000000123", "1.23e-7"},
		{"10.0000001", "10.0000001"},
		{"-0.0000001", "-1e-7"},
		{"1.5e300", "1.5e+300"},
		{"15e299", "1.5e+300"},
		{"1e-10", "1e-10"},
		{"0.1", "0.1"},
		{"0.10", "0.1"},
		{"0.30000000000000004", "0.30000000000000004"},
		{"3.141592653589793", "3.141592653589793"},
		{"9007199254740991", "9007199254740991"},
		{"9007199254740992", "9007199254740992"},
		{"9007199254740994", "9007199254740994"},
		{"1.7976931348623157e308", "1.7976931348623157e+308"},
		{"5e-324", "5e-324"},
		{"2.2250738585072014e-308", "2.2250738585072014e-308"},
		{"0.5" + zeros, "0.5"},
		{"1" + zeros + "e-100000", "1"},
		{"0." + zeros + "1e100001", "1"},
		// What JavaScript cannot hold stays as it came.
		{"9007199254740993", "9007199254740993"},
		{"12345678901234567890", "12345678901234567890"},
		{"-9223372036854775808", "-9223372036854775808"},
		{"0.1000000000000000055511", "0.1000000000000000055511"},
		{"1.00000000000000001", "1.00000000000000001"},
		{"1e400", "1e400"},
		{"-1E400", "-1E400"},
		{"1e-400", "1e-400"},
		{"4e-324", "4e-324"},
		{"1.7976931348623159e308", "1.7976931348623159e308"},
		{"1e999999999", "1e999999999"},
		{"1e-99999999999999999999", "1e-99999999999999999999"},
		{"9007199254740993.0", "9007199254740993.0"},
		{"1" + zeros, "1" + zeros},
		{"0." + zeros + "1", "0." + zeros + "1"},
		{"5e-324", "5e-324"},
		{"4.9406564584124654e-324", "4.9406564584124654e-324"},
	}
	for _, test := range tests {
		check(t, test.in, test.want)
		check(t, "[-"+strings.TrimPrefix(test.in, "-")+"]", "["+negative(test.want)+"]")
	}
}

func negative(want string) string {
	if want == "0" {
		return want
	}
	return "-" + strings.TrimPrefix(want, "-")
}

func TestAppendRefuses(t *testing.T) {
	deep := strings.Repeat("[", canonjson.MaxDepth)
	tests := map[string]struct {
		in     string
		kind   error
		offset int
	}{
		"nothing":               {"", canonjson.ErrSyntax, 0},
		"white space alone":     {" \n", canonjson.ErrSyntax, 2},
		"two values":            {"1 2", canonjson.ErrSyntax, 2},
		"byte order mark":       {"\ufeff1", canonjson.ErrSyntax, 0},
		"no-break space":        {"\u00a01", canonjson.ErrSyntax, 0},
		"form feed":             {"\f1", canonjson.ErrSyntax, 0},
		"word cut":              {"[tru", canonjson.ErrSyntax, 1},
		"capitals":              {"True", canonjson.ErrSyntax, 0},
		"NaN":                   {"[NaN]", canonjson.ErrSyntax, 1},
		"single quotes":         {"'a'", canonjson.ErrSyntax, 0},
		"open string":           {`"hunter2`, canonjson.ErrSyntax, 8},
		"open escape":           {`"\`, canonjson.ErrSyntax, 2},
		"bad escape":            {`"\x41"`, canonjson.ErrSyntax, 2},
		"bad hex":               {`"\u00g0"`, canonjson.ErrSyntax, 3},
		"short hex":             {`"\u00"`, canonjson.ErrSyntax, 3},
		"bad hex after high":    {`"\ud83c\uzzzz"`, canonjson.ErrSyntax, 9},
		"control character":     {"\"a\nb\"", canonjson.ErrSyntax, 2},
		"zero byte":             {"\"a\x00b\"", canonjson.ErrSyntax, 2},
		"zero byte as value":    {"\x00", canonjson.ErrSyntax, 0},
		"open array":            {"[1", canonjson.ErrSyntax, 2},
		"comma at the end":      {"[1,]", canonjson.ErrSyntax, 3},
		"wrong bracket":         {"[1}", canonjson.ErrSyntax, 2},
		"no comma":              {"[1 2]", canonjson.ErrSyntax, 3},
		"open object":           {"{", canonjson.ErrSyntax, 1},
		"no quotes":             {"{a:1}", canonjson.ErrSyntax, 1},
		"no colon":              {`{"a" 1}`, canonjson.ErrSyntax, 5},
		"no value":              {`{"a":}`, canonjson.ErrSyntax, 5},
		"comma in object":       {`{"a":1,}`, canonjson.ErrSyntax, 7},
		"leading zero":          {"01", canonjson.ErrSyntax, 1},
		"minus alone":           {"-", canonjson.ErrSyntax, 1},
		"plus":                  {"+1", canonjson.ErrSyntax, 0},
		"point at the end":      {"1.", canonjson.ErrSyntax, 2},
		"point first":           {".1", canonjson.ErrSyntax, 0},
		"exponent cut":          {"1e+", canonjson.ErrSyntax, 3},
		"hexadecimal":           {"0x1", canonjson.ErrSyntax, 1},
		"comment":               {"1//", canonjson.ErrSyntax, 1},
		"not UTF-8":             {"\"a\xff\"", canonjson.ErrUTF8, 2},
		"overlong":              {"\"\xc0\x80\"", canonjson.ErrUTF8, 1},
		"surrogate in UTF-8":    {"\"\xed\xa0\xbd\"", canonjson.ErrUTF8, 1},
		"UTF-8 cut":             {"\"\xf0\x9f\x8e", canonjson.ErrUTF8, 1},
		"too deep":              {deep + "[" + strings.Repeat("]", canonjson.MaxDepth+1), canonjson.ErrDepth, canonjson.MaxDepth},
		"too deep, in objects":  {strings.Repeat(`{"":`, canonjson.MaxDepth) + "{}", canonjson.ErrDepth, 4 * canonjson.MaxDepth},
		"a million brackets":    {strings.Repeat("[", 1<<20), canonjson.ErrDepth, canonjson.MaxDepth},
		"not JSON where secret": {`{"password":"hunter2" "x"}`, canonjson.ErrSyntax, 22},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := canonjson.Append([]byte("kept"), []byte(test.in))
			var e *canonjson.Error
			if !errors.Is(err, test.kind) || !errors.As(err, &e) || e.Offset != test.offset {
				t.Fatalf("got %v, want %v at byte %d", err, test.kind, test.offset)
			}
			if string(got) != "kept" || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	if _, err := canonjson.Append(nil, []byte(deep+strings.Repeat("]", canonjson.MaxDepth))); err != nil {
		t.Errorf("as deep as allowed: %v", err)
	}
}

// Adversaries' texts take time in proportion. Each of these, of 1 to 2 MB, takes
// well under a second; a step that is quadratic in any of them takes minutes.
func TestAppendStaysFast(t *testing.T) {
	nested := strings.Repeat(`{"a":`, 999) + `"` + strings.Repeat("x", 1<<20) + `"` + strings.Repeat(`,"1":0}`, 999)
	var descending bytes.Buffer
	for i := 150_000; i > 0; i-- {
		descending.WriteString(`,"` + strings.Repeat("1", 1+i%9) + `":0`)
	}
	for name, text := range map[string]string{
		"digits":        strings.Repeat("7", 2<<20),
		"zeros within":  "1" + strings.Repeat("0", 2<<20) + "1",
		"escapes":       `"` + strings.Repeat(`\u0041`, 1<<18) + `"`,
		"exponents":     "[" + strings.Repeat("1e999999999,", 1<<17) + "0]",
		"descending":    "{" + descending.String()[1:] + "}",
		"reordered all": nested,
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			if _, err := canonjson.Append(nil, []byte(text)); err != nil {
				t.Error(err)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}
