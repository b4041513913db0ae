package receiving

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// lacks returns what is wrong with a body that must have some fields, "" when
// nothing is. A path's parts are members of objects, or indexes of lists; a
// field that is null is not there.
func lacks(body []byte, paths []string) string {
	if len(paths) == 0 {
		return ""
	}
	if !json.Valid(body) {
		return "the body is not JSON"
	}
	for _, path := range paths {
		if !has(body, path) {
			return fmt.Sprintf("the field %q is missing", path)
		}
	}
	return ""
}

func has(value json.RawMessage, path string) bool {
	for part := range strings.SplitSeq(path, ".") {
		if value = child(value, part); value == nil {
			return false
		}
	}
	return string(value) != "null"
}

func child(value json.RawMessage, name string) json.RawMessage {
	var object map[string]json.RawMessage
	if json.Unmarshal(value, &object) == nil {
		return object[name]
	}
	var list []json.RawMessage
	i, err := strconv.Atoi(name)
	if err != nil || json.Unmarshal(value, &list) != nil || i < 0 || i >= len(list) {
		return nil
	}
	return list[i]
}
