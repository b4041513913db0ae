package sqsqueue

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// groupID makes a MessageGroupId of a tenant's name. SQS takes 1 to 128 ASCII
// letters, digits and punctuation. Any other name is hashed: one tenant keeps
// one group, and two tenants two, which is all that fair queues ask of it.
func groupID(tenant string) string {
	if tenant == "" || len(tenant) <= maxGroup && !strings.ContainsFunc(tenant, outsideGroup) {
		return tenant
	}
	sum := sha256.Sum256([]byte(tenant))
	return "sha256-" + hex.EncodeToString(sum[:])
}

// outsideGroup: graphic ASCII without the space is what SQS takes.
func outsideGroup(r rune) bool { return r <= ' ' || r > '~' }
