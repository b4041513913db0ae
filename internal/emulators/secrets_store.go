package emulators

import (
	"slices"
	"strings"
	"time"
)

const (
	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"

	// maxSecretBytes is Secrets Manager's limit on a value.
	maxSecretBytes = 65536
)

// secret is one secret with all its versions, oldest first.
type secret struct {
	arn, name, description string
	created, changed       time.Time
	deleted                *time.Time
	versions               []*version
}

type version struct {
	id      string
	text    *string
	binary  []byte
	stages  []string
	created time.Time
}

func (s *secret) version(match func(*version) bool) *version {
	if i := slices.IndexFunc(s.versions, match); i >= 0 {
		return s.versions[i]
	}
	return nil
}

func withID(id string) func(*version) bool {
	return func(v *version) bool { return v.id == id }
}

func withStage(stage string) func(*version) bool {
	return func(v *version) bool { return slices.Contains(v.stages, stage) }
}

// move puts stage on the version to and takes it from any other; whoever loses
// AWSCURRENT becomes AWSPREVIOUS.
func (s *secret) move(stage string, to *version) {
	from := s.version(withStage(stage))
	if from == to {
		return
	}
	if from != nil {
		from.stages = slices.DeleteFunc(from.stages, func(have string) bool { return have == stage })
	}
	if to != nil {
		to.stages = append(to.stages, stage)
	}
	if stage == current && from != nil {
		s.move(previous, from)
	}
}

// find takes a name, an ARN, or an ARN without its six random characters.
func (s *Secrets) find(id string) (*secret, error) {
	for _, found := range s.secrets {
		if found.name != id && found.arn != id && found.arn[:len(found.arn)-len("-123456")] != id {
			continue
		}
		if found.deleted != nil {
			return nil, refused("InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion.")
		}
		return found, nil
	}
	return nil, notFound("Secrets Manager can't find the specified secret.")
}

// seconds is a time as JSON 1.1 carries it: Unix seconds with a fraction.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func checkValue(r *secretsRequest) error {
	switch {
	case r.SecretString != nil && r.SecretBinary != nil:
		return refused("InvalidParameterException", "You can't specify both a binary secret value and a string secret value in the same secret.")
	case r.SecretString != nil && len(*r.SecretString) > maxSecretBytes, len(r.SecretBinary) > maxSecretBytes:
		return refused("ValidationException", "Member must have length less than or equal to %d", maxSecretBytes)
	case len(r.ClientRequestToken) < 32 || len(r.ClientRequestToken) > 64:
		return refused("InvalidParameterException", "You must provide a ClientRequestToken value. We recommend a UUID-type value.")
	case strings.TrimSpace(r.ClientRequestToken) != r.ClientRequestToken:
		return refused("InvalidParameterException", "ClientRequestToken has blanks around it.")
	}
	return nil
}
