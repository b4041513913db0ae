package cloudapi_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jobhook/jobhook/internal/cloudapi"
)

func TestStackEnvironment(t *testing.T) {
	all := map[string]string{
		"EndpointsTableName": "E", "DeliveriesTableName": "D", "CompletionsQueueUrl": "https://q",
		"SigningSecretArn": "arn:s", "SealingKeyArn": "arn:k", "DashboardUrl": "https://d",
	}
	for name, c := range map[string]struct {
		status int
		drop   string
		want   string // of the error
	}{
		"a stack of ours":    {200, "", ""},
		"another's stack":    {200, "SealingKeyArn", "has no output SealingKeyArn"},
		"there is no stack":  {400, "", "read the outputs of stack jobhook"},
		"none of its output": {200, "*", "has no output CompletionsQueueUrl, DeliveriesTableName"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.FormValue("Action") != "DescribeStacks" || r.FormValue("StackName") != "jobhook" {
					t.Errorf("called with %v", r.Form)
				}
				if c.status != 200 {
					w.WriteHeader(c.status)
					fmt.Fprint(w, `<ErrorResponse><Error><Code>ValidationError</Code><Message>Stack with id jobhook does not exist</Message></Error></ErrorResponse>`)
					return
				}
				var members strings.Builder
				for key, value := range all {
					if c.drop != key && c.drop != "*" {
						fmt.Fprintf(&members, "<member><OutputKey>%s</OutputKey><OutputValue>%s</OutputValue></member>", key, value)
					}
				}
				fmt.Fprintf(w, "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>jobhook</StackName><Outputs>%s</Outputs>"+
					"</member></Stacks></DescribeStacksResult></DescribeStacksResponse>", &members)
			}))
			defer server.Close()
			for name, value := range map[string]string{
				"AWS_ENDPOINT_URL_CLOUDFORMATION": server.URL, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
			} {
				t.Setenv(name, value)
			}
			got, err := cloudapi.StackEnvironment(t.Context(), "jobhook")
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("error is %v, want %q", err, c.want)
				}
				return
			}
			want := map[string]string{
				"ENDPOINTS_TABLE": "E", "DELIVERIES_TABLE": "D", "COMPLETIONS_QUEUE_URL": "https://q", "SIGNING_SECRET_ID": "arn:s", "SEALING_KEY_ID": "arn:k",
			}
			if err != nil || !maps.Equal(got, want) {
				t.Errorf("got %v (%v), want %v", got, err, want)
			}
		})
	}
}
