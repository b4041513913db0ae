package emulators

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"reflect"
)

type object map[string]any

func (s *Secrets) create(r *secretsRequest) (any, error) {
	if r.Name == "" {
		return nil, refused("InvalidParameterException", "You must provide a Name.")
	}
	if _, taken := s.secrets[r.Name]; taken {
		return nil, refused("ResourceExistsException", "The operation failed because the secret %s already exists.", r.Name)
	}
	if err := checkValue(r); err != nil {
		return nil, err
	}
	now, sum := s.now(), sha256.Sum256([]byte(r.Name))
	arn := fmt.Sprintf("arn:aws:secretsmanager:us-east-1:123456789012:secret:%s-%x", r.Name, sum[:3])
	made := &secret{arn: arn, name: r.Name, description: r.Description, created: now, changed: now}
	s.secrets[r.Name] = made
	if r.SecretString == nil && r.SecretBinary == nil {
		return object{"ARN": made.arn, "Name": made.name}, nil
	}
	return s.put(made, r)
}

// put adds a version. The token is the version's id: the same token with the
// same value is a repeat and changes nothing, with another value a conflict.
func (s *Secrets) put(into *secret, r *secretsRequest) (any, error) {
	if err := checkValue(r); err != nil {
		return nil, err
	}
	made := into.version(withID(r.ClientRequestToken))
	switch {
	case made == nil:
		made = &version{id: r.ClientRequestToken, text: r.SecretString, binary: r.SecretBinary, created: s.now()}
		into.versions = append(into.versions, made)
		into.changed = made.created
		for _, stage := range r.VersionStages {
			into.move(stage, made)
		}
		if len(r.VersionStages) == 0 || into.version(withStage(current)) == nil { // a first version is always current
			into.move(current, made)
		}
	case !reflect.DeepEqual(made.text, r.SecretString) || !bytes.Equal(made.binary, r.SecretBinary):
		return nil, refused("ResourceExistsException", "You can't use ClientRequestToken %s because that value is already in use for a version of secret %s.", made.id, into.arn)
	}
	return object{"ARN": into.arn, "Name": into.name, "VersionId": made.id, "VersionStages": made.stages}, nil
}

func get(from *secret, r *secretsRequest) (any, error) {
	stage := r.VersionStage
	if r.VersionID == "" {
		stage = cmp.Or(stage, current)
	}
	found := from.version(func(v *version) bool {
		return (r.VersionID == "" || v.id == r.VersionID) && (stage == "" || withStage(stage)(v))
	})
	if found == nil && r.VersionID != "" {
		return nil, notFound("Secrets Manager can't find the specified secret value for VersionId: %s", r.VersionID)
	}
	if found == nil {
		return nil, notFound("Secrets Manager can't find the specified secret value for staging label: %s", stage)
	}
	value := object{
		"ARN": from.arn, "Name": from.name, "VersionId": found.id,
		"VersionStages": found.stages, "CreatedDate": seconds(found.created),
	}
	if found.text != nil {
		value["SecretString"] = *found.text
	} else {
		value["SecretBinary"] = found.binary
	}
	return value, nil
}

func describe(of *secret, _ *secretsRequest) (any, error) {
	stages := map[string][]string{}
	for _, v := range of.versions {
		if len(v.stages) > 0 { // one without a stage is deprecated and not listed
			stages[v.id] = v.stages
		}
	}
	return object{
		"ARN": of.arn, "Name": of.name, "Description": of.description, "VersionIdsToStages": stages,
		"CreatedDate": seconds(of.created), "LastChangedDate": seconds(of.changed),
	}, nil
}

// moveStage is UpdateSecretVersionStage: how a rotation finishes, by moving
// AWSCURRENT to the version that was AWSPENDING.
func moveStage(of *secret, r *secretsRequest) (any, error) {
	if r.VersionStage == current && r.MoveToVersionID == "" {
		return nil, refused("InvalidParameterException", "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.")
	}
	holder := of.version(withStage(r.VersionStage))
	if holder != nil && holder.id != r.RemoveFromVersionID && holder.id != r.MoveToVersionID {
		return nil, refused("InvalidParameterException", "The parameter RemoveFromVersionId must be specified: staging label %s is on version %s.", r.VersionStage, holder.id)
	}
	to := of.version(withID(r.MoveToVersionID))
	if to == nil && r.MoveToVersionID != "" {
		return nil, notFound("Secrets Manager can't find the specified secret version: %s", r.MoveToVersionID)
	}
	of.move(r.VersionStage, to)
	return object{"ARN": of.arn, "Name": of.name}, nil
}

func (s *Secrets) delete(gone *secret, r *secretsRequest) (any, error) {
	now := s.now()
	gone.deleted = &now
	if r.ForceDeleteWithoutRecovery {
		delete(s.secrets, gone.name)
	}
	return object{"ARN": gone.arn, "Name": gone.name, "DeletionDate": seconds(now)}, nil
}
