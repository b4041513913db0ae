package dynamo

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	// packFrom is where gzip begins to pay: its frame alone is 18 bytes.
	packFrom = 128
	// maxUnpacked bounds what one attribute may unpack to: no completion comes
	// near, and 400 KB of gzip could hold 400 MB.
	maxUnpacked = 32 << 20
)

var packers = sync.Pool{New: func() any { return gzip.NewWriter(io.Discard) }} // 0.8 MB each

// pack writes JSON as text, or gzipped as binary when that is smaller: writes
// are paid by the kilobyte.
func pack(raw json.RawMessage) types.AttributeValue {
	if len(raw) < packFrom {
		return text(string(raw))
	}
	var packed bytes.Buffer
	w, _ := packers.Get().(*gzip.Writer)
	defer packers.Put(w)
	w.Reset(&packed)
	_, _ = w.Write(raw) // a buffer takes everything
	_ = w.Close()
	if packed.Len() >= len(raw) {
		return text(string(raw))
	}
	return &types.AttributeValueMemberB{Value: packed.Bytes()}
}

// unpack reads what pack wrote; no attribute is no JSON.
func unpack(value types.AttributeValue) (json.RawMessage, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case *types.AttributeValueMemberS:
		return json.RawMessage(v.Value), nil
	case *types.AttributeValueMemberB:
		return gunzip(v.Value)
	}
	return nil, fmt.Errorf("payload is a %T: want text or gzip", value)
}

func gunzip(packed []byte) (json.RawMessage, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	raw, err := io.ReadAll(io.LimitReader(r, maxUnpacked+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("unpack: %w", err)
	case len(raw) > maxUnpacked:
		return nil, fmt.Errorf("unpack: more than %d bytes", maxUnpacked)
	}
	return raw, nil
}
