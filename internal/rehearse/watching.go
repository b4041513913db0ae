package rehearse

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jobhook/jobhook/internal/rehearse/cloudformation"
	"github.com/jobhook/jobhook/internal/rehearse/gate"
)

func makeLogGroup(_ context.Context, r *resource) (cloudformation.Made, error) {
	if r.exists {
		return r.physical, nil
	}
	name := r.text("LogGroupName")
	if name == "" {
		name = r.name()
	}
	r.stack.cloud.mu.Lock()
	defer r.stack.cloud.mu.Unlock()
	r.stack.cloud.logs[name] = &[]string{}
	return cloudformation.Made{Ref: name, Attributes: map[string]string{"Arn": gate.ARN("logs", "log-group:"+name+":*")}}, nil
}

func makeTopic(_ context.Context, r *resource) (cloudformation.Made, error) {
	if r.exists {
		return r.physical, nil
	}
	name := r.name()
	arn := gate.ARN("sns", name)
	return cloudformation.Made{Ref: arn, Attributes: map[string]string{"TopicName": name, "TopicArn": arn}}, nil
}

// makeAlarm refuses one that watches a queue, function or table that isn't
// there: CloudWatch would take it and it would never ring.
func makeAlarm(_ context.Context, r *resource) (cloudformation.Made, error) {
	dimensions := r.list("Dimensions")
	for _, metric := range r.list("Metrics") {
		if list, ok := value(value(value(metric, "MetricStat"), "Metric"), "Dimensions").([]any); ok {
			dimensions = append(dimensions, list...)
		}
	}
	for _, d := range dimensions {
		name, of := *field(d, "Name"), *field(d, "Value")
		r.stack.cloud.mu.Lock()
		known, kind := r.stack.cloud.resources[name]
		there := known[of]
		r.stack.cloud.mu.Unlock()
		if kind && !there {
			return cloudformation.Made{}, fmt.Errorf("it watches %s %q, which isn't there", name, of)
		}
	}
	name := r.name()
	if r.exists {
		name = r.physical.Ref
	}
	return cloudformation.Made{Ref: name, Attributes: map[string]string{"Arn": gate.ARN("cloudwatch", "alarm:"+name)}}, nil
}

func makeDashboard(_ context.Context, r *resource) (cloudformation.Made, error) {
	if !json.Valid([]byte(r.text("DashboardBody"))) {
		return cloudformation.Made{}, fmt.Errorf("its body is no JSON: %s", r.text("DashboardBody"))
	}
	return cloudformation.Made{Ref: r.text("DashboardName")}, nil
}

// makeNested deploys a stack within this one.
func makeNested(ctx context.Context, r *resource) (cloudformation.Made, error) {
	template, there := r.stack.source.Nested[r.text("TemplateURL")]
	if !there {
		return cloudformation.Made{}, fmt.Errorf("template %s has not been translated", r.text("TemplateURL"))
	}
	parameters := map[string]string{}
	given, _ := r.properties["Parameters"].(map[string]any)
	for name, value := range given {
		parameters[name] = cloudformation.Text(value)
	}
	source := Source{Template: template, Nested: r.stack.source.Nested, Binaries: r.stack.source.Binaries}
	inner, exists := r.stack.nested[r.logical]
	var err error
	if exists {
		err = inner.Update(ctx, source, parameters)
	} else {
		inner, err = r.stack.cloud.Deploy(ctx, r.stack.Name+"-"+r.logical, source, parameters)
		r.stack.nested[r.logical] = inner
	}
	made := cloudformation.Made{Ref: gate.ARN("cloudformation", "stack/"+r.stack.Name), Attributes: map[string]string{}}
	for name := range template.Outputs {
		made.Attributes["Outputs."+name] = inner.Output(name)
	}
	return made, err
}
