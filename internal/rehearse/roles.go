package rehearse

import (
	"context"
	"errors"
	"fmt"

	"github.com/jobhook/jobhook/internal/rehearse/cloudformation"
	"github.com/jobhook/jobhook/internal/rehearse/gate"
	"github.com/jobhook/jobhook/internal/rehearse/iam"
)

// makeRole hands the role's policies to the gate. Managed policies are among
// the properties that it doesn't know: no role of this project has one.
func makeRole(_ context.Context, r *resource) (cloudformation.Made, error) {
	made := r.physical
	if !r.exists {
		name := r.name()
		made = cloudformation.Made{Ref: name, Attributes: map[string]string{"Arn": gate.RoleARN(name)}}
	}
	var documents []iam.Document
	for _, policy := range r.list("Policies") {
		document, err := iam.Parse(value(policy, "PolicyDocument"))
		if err != nil {
			return made, fmt.Errorf("policy %s: %w", *field(policy, "PolicyName"), err)
		}
		documents = append(documents, document)
	}
	trust, err := iam.Parse(r.at("AssumeRolePolicyDocument"))
	if err != nil {
		return made, err
	}
	for i := range trust.Statements {
		trust.Statements[i].Resources = []string{"*"} // a trust policy has none
	}
	request := iam.Request{Principal: iam.Principal{Service: "lambda.amazonaws.com"}, Action: "sts:AssumeRole", Resource: made.Attributes["Arn"]}
	verdict, err := iam.Judge(request, nil, []iam.Document{trust})
	if err == nil && !verdict.Allowed {
		err = errors.New("Lambda may not assume the role")
	}
	if err != nil {
		return made, err
	}
	r.stack.cloud.Gate.SetRole(made.Ref, documents)
	return made, nil
}
