package templatetest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/internal/templatetest"
	"github.com/jobhook/jobhook/shared/intake"
	"github.com/jobhook/jobhook/shared/payload"
	"github.com/jobhook/jobhook/shared/webhook"
)

// kind is a kind of AWS's own jobs: the sample event that AWS documents, all
// statuses that its API names, and the completion that comes of it.
type kind struct {
	file, service, status     string // status: the member of detail that has it
	completed, failed, others []string

	id, jobType, result string
	again               string // end of the event id, when it isn't the default one
	time                string // of the event; empty when the sample's is no RFC 3339
}

var kinds = []kind{
	{
		file: "bedrock-batch-inference", service: "Bedrock", status: "status",
		completed: []string{"Completed", "PartiallyCompleted"}, failed: []string{"Failed", "Stopped", "Expired"},
		others: []string{"Submitted", "Validating", "Scheduled", "InProgress", "Stopping"},
		id:     "arn:aws:bedrock:us-east-1:123456789012:model-invocation-job/abcdefghwxyz", jobType: "bedrock.batch_inference",
		result: `{"name":"dummy-batch-job-name"}`,
	},
	{
		file: "bedrock-model-customization", service: "Bedrock", status: "jobStatus",
		completed: []string{"Completed"}, failed: []string{"Failed", "Stopped"}, others: []string{"InProgress", "Stopping"},
		id: "arn:aws:bedrock:us-east-1:123456789012:model-customization-job/abcdefghwxyz", jobType: "bedrock.model_customization",
		result: `{"name":"abcd-wxyz"}`, time: "2023-08-11T12:34:56Z",
	},
	{
		file: "sagemaker-training", service: "SageMaker", status: "TrainingJobStatus",
		completed: []string{"Completed"}, failed: []string{"Failed", "Stopped"}, others: []string{"InProgress", "Stopping", "Deleting"},
		id: "89c96cc8-dded-4739-afcc-6f1dc936701d", jobType: "sagemaker.training", again: "1583831889050", time: "2018-10-06T12:26:13Z",
	},
	{
		file: "sagemaker-processing", service: "SageMaker", status: "ProcessingJobStatus",
		completed: []string{"Completed"}, failed: []string{"Failed", "Stopped"}, others: []string{"InProgress", "Stopping"},
		id: "016bffd3-6d71-4d3a-9710-0a332b2759fc", jobType: "sagemaker.processing", again: "1583831889050", time: "2018-10-06T12:26:13Z",
	},
	{
		file: "sagemaker-transform", service: "SageMaker", status: "TransformJobStatus",
		completed: []string{"Completed"}, failed: []string{"Failed", "Stopped"}, others: []string{"InProgress", "Stopping", "another status... GO"},
		id: "4b52bd8f-e034-4345-818d-884bdd7c9724", jobType: "sagemaker.transform", again: "2018-10-06T12:26:13Z", time: "2018-10-06T12:26:13Z",
	},
	{
		file: "sagemaker-tuning", service: "SageMaker", status: "HyperParameterTuningJobStatus",
		completed: []string{"Completed"}, failed: []string{"Failed", "Stopped"},
		others: []string{"InProgress", "Stopping", "Deleting", "DeleteFailed", "status"},
		id:     "016bffd3-6d71-4d3a-9710-0a332b2759fc", jobType: "sagemaker.tuning", again: "1583831889050", time: "2018-10-06T12:26:13Z",
	},
	{
		file: "transcribe", service: "Transcribe", status: "TranscriptionJobStatus",
		completed: []string{"COMPLETED"}, failed: []string{"FAILED"}, others: []string{"QUEUED", "IN_PROGRESS"},
		id: "my-first-transcription-job", jobType: "transcribe.transcription", again: "event ID",
	},
	{
		file: "translate", service: "Translate", status: "jobStatus",
		completed: []string{"COMPLETED", "COMPLETED_WITH_ERROR"}, failed: []string{"FAILED", "STOPPED"},
		others: []string{"SUBMITTED", "IN_PROGRESS", "STOP_REQUESTED", "STATUS"},
		id:     "01234567-0123-0123-0123-012345678901", jobType: "translate.text_translation", time: "2017-04-22T03:31:47Z",
	},
	{
		file: "batch", service: "Batch", status: "status",
		completed: []string{"SUCCEEDED"}, failed: []string{"FAILED"},
		others: []string{"SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"},
		id:     "4c7599ae-0a82-49aa-ba5a-4727fcce14a8", jobType: "batch.job", result: `{"name":"event-test"}`, time: "2022-01-11T23:36:40Z",
	},
	{
		file: "step-functions", service: "StepFunctions", status: "status",
		completed: []string{"SUCCEEDED"}, failed: []string{"FAILED", "TIMED_OUT", "ABORTED"}, others: []string{"RUNNING", "PENDING_REDRIVE"},
		id:      "arn:aws:states:us-east-1:012345678912:execution:state-machine-name:execution-name",
		jobType: "stepfunctions.execution", result: `{"name":"execution-name"}`, again: "1547148840122", time: "2019-02-26T19:42:21Z",
	},
	{
		file: "mediaconvert", service: "MediaConvert", status: "status",
		completed: []string{"COMPLETE"}, failed: []string{"ERROR", "CANCELED"},
		others: []string{"SUBMITTED", "PROGRESSING", "INPUT_INFORMATION", "STATUS_UPDATE", "NEW_WARNING", "QUEUE_HOP"},
		id:     "1671476818694-phptj0", jobType: "mediaconvert.job", time: "2022-12-19T19:07:12Z",
	},
}

// want is the completion of a job that ended so.
func (k kind) want(status, end string) webhook.Event {
	e := webhook.Event{
		Type: k.jobType + "." + end, Account: "acme", Job: webhook.Job{ID: k.id, Status: status, Type: k.jobType},
		OccurredAt: now, AcceptedAt: now, ExpiresAt: now,
	}
	e.EventID = e.Type + "/" + k.id + "/" + status
	if k.again != "" {
		e.EventID = e.Type + "/" + k.id + "/" + k.again
	}
	if k.time != "" {
		e.OccurredAt, _ = time.Parse(time.RFC3339, k.time)
	}
	if k.result != "" {
		e.Result = json.RawMessage(k.result)
	}
	if end == "failed" {
		e.Error = json.RawMessage(fmt.Sprintf("%q", "the job ended as "+status))
	}
	e.MessageID, e.Hash = webhook.MessageID(e.Account, e.Job.ID, e.EventID), webhook.ContentHash(e, "", e.Result)
	return e
}

// Each sample event becomes, in each of its last states, exactly one completion,
// and none in any other.
func TestAWSJobs(t *testing.T) {
	rules := jobRules(t, "")
	for _, k := range kinds {
		for end, statuses := range map[string][]string{"completed": k.completed, "failed": k.failed, "": k.others} {
			for _, status := range statuses {
				event := sampleEvent(t, k, status)
				got := completions(t, rules, event)
				if end == "" {
					if len(got) != 0 {
						t.Errorf("%s %s: %v", k.file, status, got)
					}
					continue
				}
				if want := k.want(status, end); len(got) != 1 || fmt.Sprintf("%+v", got[0]) != fmt.Sprintf("%+v", want) {
					t.Errorf("%s %s:\n%+v\nwant\n%+v", k.file, status, got, want)
				}
			}
		}
	}
}

// A value that AWS leaves out never breaks the JSON; the job's id alone can't be done without.
func TestAWSJobsWithValuesMissing(t *testing.T) {
	rules := jobRules(t, "")
	for _, k := range kinds {
		for missing := range sampleEvent(t, k, k.failed[0])["detail"].(map[string]any) {
			event := sampleEvent(t, k, k.failed[0])
			delete(event["detail"].(map[string]any), missing)
			for _, rule := range rules {
				if matches(t, rule.Map("EventPattern"), event) && !json.Valid([]byte(transform(t, transformer(rule), event))) {
					t.Errorf("%s without %s: no JSON", k.file, missing)
				}
			}
		}
	}
}

// With a prefix only jobs of such names come, where jobs have names.
func TestAWSJobsByName(t *testing.T) {
	nameless := []string{"translate", "mediaconvert"}
	for _, k := range kinds {
		event := sampleEvent(t, k, k.completed[0])
		prefix := map[string]string{
			"step-functions": "state-machine", "batch": "event-", "transcribe": "my-first",
			"bedrock-batch-inference": "dummy-", "bedrock-model-customization": "abcd-",
		}[k.file]
		if strings.HasPrefix(k.file, "sagemaker") {
			prefix = k.id[:8]
		}
		if got := completions(t, jobRules(t, prefix), event); len(got) != 1 {
			t.Errorf("%s: %d with the prefix %q", k.file, len(got), prefix)
		}
		if got := completions(t, jobRules(t, "other"), event); len(got) == 1 != slices.Contains(nameless, k.file) {
			t.Errorf("%s: %d with another prefix", k.file, len(got))
		}
	}
}

// Each service has its switch, off by default, and each rule's ARN reaches the
// queues' policies.
func TestAWSJobsAreSwitched(t *testing.T) {
	outer, inner := load(t), loadFile(t, "aws-jobs.yaml")
	given := properties(outer, "AwsJobs").Map("Parameters")
	if got, want := slices.Sorted(maps.Keys(given)), slices.Sorted(maps.Keys(inner.Map("Parameters"))); !slices.Equal(got, want) {
		t.Errorf("given %v, asked %v", got, want)
	}
	var arns []string
	for _, value := range inner.At("Outputs", "RuleArns", "Value", "Fn::Join").([]any)[1].([]any) {
		arns = append(arns, name(value))
	}
	slices.Sort(arns)
	rules := slices.Sorted(slices.Values(inner.OfType("AWS::Events::Rule")))
	if !slices.Equal(arns, rules) || len(rules) != 2*len(kinds) || len(inner.Map("Resources")) != len(rules) {
		t.Errorf("rules %v, their ARNs %v", rules, arns)
	}
	switches := map[string]bool{}
	for _, rule := range rules {
		choice := properties(inner, rule).At("State", "Fn::If").([]any)
		switches[name(inner.At("Conditions", choice[0].(string), "Fn::Equals").([]any)[0])] = true
		if choice[1] != "ENABLED" || choice[2] != "DISABLED" || properties(inner, rule)["EventBusName"] != nil {
			t.Errorf("%s: %v; AWS's events come on the default bus", rule, choice)
		}
	}
	var asked []string
	for _, either := range outer.At("Conditions", "AwsJobsToo", "Fn::Or").([]any) {
		asked = append(asked, name(either.(map[string]any)["Fn::Equals"].([]any)[0]))
	}
	slices.Sort(asked)
	if want := slices.Sorted(maps.Keys(switches)); !slices.Equal(asked, want) {
		t.Errorf("switched by %v, the stack asks for %v", want, asked)
	}
	for parameter := range switches {
		if outer.At("Parameters", parameter, "Default") != "disabled" || name(given[parameter]) != parameter {
			t.Errorf("%s is on by default or not handed on", parameter)
		}
	}
}

// docs/aws-jobs.md says what each job becomes.
func TestAWSJobsAreDocumented(t *testing.T) {
	text := page(t, "aws-jobs.md")
	for _, k := range kinds {
		row := fmt.Sprintf("| `%s` | `%sJobs` |", k.jobType, k.service)
		if !strings.Contains(text, row) {
			t.Errorf("docs/aws-jobs.md lacks %s", row)
		}
		for _, status := range slices.Concat(k.completed, k.failed) {
			if !strings.Contains(text, "`"+status+"`") {
				t.Errorf("docs/aws-jobs.md lacks %s", status)
			}
		}
	}
}

// jobRules are the rules' properties, with their parameters filled in.
func jobRules(t *testing.T, prefix string) []templatetest.Template {
	t.Helper()
	tpl := loadFile(t, "aws-jobs.yaml")
	parameters := map[string]string{
		"Account": "acme", "NamePrefix": prefix,
		"AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::AccountId": "012345678912",
	}
	var rules []templatetest.Template
	for _, rule := range tpl.OfType("AWS::Events::Rule") {
		p := filled(t, map[string]any(properties(tpl, rule)), parameters, map[string]bool{"Named": prefix != ""})
		rules = append(rules, p.(map[string]any))
	}
	return rules
}

func target(rule templatetest.Template) templatetest.Template {
	return rule["Targets"].([]any)[0].(map[string]any)
}

func transformer(rule templatetest.Template) templatetest.Template {
	return target(rule).Map("InputTransformer")
}

// completions are what dispatch would read of an event.
func completions(t *testing.T, rules []templatetest.Template, event map[string]any) (all []webhook.Event) {
	t.Helper()
	for _, rule := range rules {
		if !matches(t, rule.Map("EventPattern"), event) {
			continue
		}
		body := transform(t, transformer(rule), event)
		c, err := intake.Parse([]byte(body), "", now, intake.Rules{})
		if err != nil || len(c.Unknown) > 0 {
			t.Errorf("%v, unknown %q: %s", err, c.Unknown, body)
		}
		if group := target(rule).At("SqsParameters", "MessageGroupId"); group != c.Event.Account {
			t.Errorf("a job of %s has the message group %v", c.Event.Account, group)
		}
		all = append(all, c.Event)
	}
	return all
}

func sampleEvent(t *testing.T, k kind, status string) map[string]any {
	t.Helper()
	file, err := os.Open(filepath.Join("../../events", "aws-"+k.file+".json"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	decoder := json.NewDecoder(file)
	decoder.UseNumber()
	var event map[string]any
	if err := decoder.Decode(&event); err != nil {
		t.Fatal(err)
	}
	if url, _ := event["documentation"].(string); !strings.HasPrefix(url, "https://docs.aws.amazon.com/") {
		t.Errorf("%s doesn't say where it is from", k.file)
	}
	event["detail"].(map[string]any)[k.status] = status
	return event
}

// Some services send several events for one change. They are one completion,
// with one content, so that the second is no conflict.
func TestAWSJobsToldTwice(t *testing.T) {
	rules := jobRules(t, "")
	for _, k := range kinds {
		first := completions(t, rules, sampleEvent(t, k, k.completed[0]))
		again := sampleEvent(t, k, k.completed[0])
		again["time"] = "2026-01-01T00:00:00Z"
		again["detail"].(map[string]any)["LastModifiedTime"] = "2026-01-01T00:00:00Z"
		second := completions(t, rules, again)
		if len(first) != 1 || len(second) != 1 || first[0].MessageID != second[0].MessageID || first[0].Hash != second[0].Hash {
			t.Errorf("%s: %v and %v", k.file, first, second)
		}
	}
}

// The webhook that docs/aws-jobs.md shows is what a job becomes.
func TestAWSJobsExample(t *testing.T) {
	event := sampleEvent(t, kinds[0], "Completed")
	event["time"] = "2026-11-20T09:41:08Z"
	event["detail"].(map[string]any)["batchJobName"] = "nightly-summaries"
	e := completions(t, jobRules(t, ""), event)[0]
	body, err := payload.Body(webhook.Standard, payload.Content{
		Job: e.Job, EventType: e.Type, OccurredAt: e.OccurredAt, Result: e.Result, IncludeResult: true,
	})
	if err != nil || !strings.Contains(page(t, "aws-jobs.md"), "\n"+string(body)+"\n") {
		t.Errorf("docs/aws-jobs.md lacks %s, %v", body, err)
	}
}
