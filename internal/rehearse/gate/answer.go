package gate

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"strconv"
)

// refuse answers a call that could not even be judged.
func (g *Gate) refuse(w http.ResponseWriter, who role, c call, err error) {
	var address *badAddressError
	if errors.As(err, &address) {
		answer(w, http.StatusBadRequest, "com.amazonaws.sqs#InvalidAddress", address.Error())
		return
	}
	d := Decision{Role: who.name, Action: c.service + ":" + c.operation, By: err.Error()}
	g.write(d)
	deny(w, c.service, d)
}

// deny answers as each service does: SQS with 403, the others with 400.
func deny(w http.ResponseWriter, service string, d Decision) {
	message := fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s", RoleARN(d.Role), d.Action, d.Resource)
	status, kind := http.StatusBadRequest, "AccessDeniedException"
	switch service {
	case "dynamodb":
		kind = "com.amazon.coral.service#AccessDeniedException"
	case "sqs":
		status = http.StatusForbidden
		w.Header().Set("X-Amzn-Query-Error", "AccessDenied;Sender")
	}
	answer(w, status, kind, message)
}

func answer(w http.ResponseWriter, status int, kind, message string) {
	text, err := json.Marshal(map[string]string{"__type": kind, "message": message})
	if err != nil {
		text = []byte(`{}`) // two strings always encode
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(text)), 10)) // DynamoDB's clients compare it
	w.WriteHeader(status)
	_, _ = w.Write(text) // a caller that has gone needs no answer
}
