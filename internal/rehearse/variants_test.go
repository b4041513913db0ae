//go:build rehearse

package rehearse_test

import (
	"testing"

	"github.com/jobhook/jobhook/internal/rehearse"
	"github.com/jobhook/jobhook/internal/rehearse/gate"
	"github.com/jobhook/jobhook/shared/webhook"
)

// The stack in other shapes than the rehearsal's: as little as can be, and with
// all that can be switched on. One completion goes through each.
func TestVariants(t *testing.T) {
	for name, given := range map[string]map[string]string{
		"defaults": {},
		"everything": {
			"Receive": "enabled", "Tracing": "Active", "SubnetIds": "subnet-1,subnet-2", "SecurityGroupIds": "sg-1",
			"BatchSize": "50", "BatchWindowSeconds": "1", "Architecture": "x86_64", "DeletionProtection": "disabled",
			"AlarmTopicArn": gate.ARN("sns", "ours"), "Dashboard": "enabled", "RetentionDays": "365",
			"Schedule": "standard", "DefaultCallbackProfile": "unitary", "OversizeResult": "reject",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := deployWith(t, rehearse.Source{Directory: translated, Binaries: binaries(t)}, "default", given)
			p.ends(p.put("acme", "job-1", "/ok/variant"), webhook.JobTarget, webhook.Delivered, 1)
			if name == "defaults" && p.stack.Nested("Receiving") != nil {
				t.Error("receive is there and was not asked for")
			}
			networkIsNotTheCodes(p)
		})
	}
}

// networkIsNotTheCodes: the rights by which Lambda joins a function to a VPC are
// refused to the function's own code, which AWS marks by lambda:SourceFunctionArn.
func networkIsNotTheCodes(p *play) {
	for logical, f := range p.stack.Functions() {
		context := map[string]string{"lambda:SourceFunctionArn": gate.ARN("lambda", "function:"+f.Name)}
		for _, action := range []string{"ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeSubnets"} {
			if p.cloud.Gate.Decide(f.Role, action, "*", context).Allowed {
				p.Errorf("%s: its code may %s", logical, action)
			}
		}
	}
}

// What CloudFormation would refuse before it makes anything, the template's
// constraints and rules refuse.
func TestWrongSettingsAreRefused(t *testing.T) {
	for name, given := range map[string]map[string]string{
		"a schedule without units":       {"Schedule": "60,300"},
		"a schedule of an unknown name":  {"Schedule": "slow"},
		"a way that is none":             {"OversizeResult": "truncate"},
		"too long a timeout":             {"SendTimeoutSeconds": "30"},
		"the default bus created":        {"CreateEventBus": "true"},
		"large batches without a window": {"BatchSize": "11"},
		"two ways to tell":               {"AlarmEmail": "a@example.com", "AlarmTopicArn": gate.ARN("sns", "ours")},
		"a prefix that ends nowhere":     {"EndpointSecretPrefix": "jobhook"},
		"a parameter of another version": {"Retention": "30"},
	} {
		if err := rehearse.CheckSettings(translated, given); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
