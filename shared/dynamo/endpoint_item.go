package dynamo

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/jobhook/jobhook/shared/payload"
	"github.com/jobhook/jobhook/shared/webhook"
)

func endpointTableKey(account, endpointID string) item {
	return item{attrAccount: text(account), attrEndpointID: text(endpointID)}
}

func endpointItem(e webhook.Endpoint) item {
	i := endpointTableKey(e.Account, e.ID)
	i.setText("url", e.URL)
	if len(e.Events) > 0 {
		i["events"] = list(e.Events)
	}
	i.setText("profile", string(e.Profile))
	i.setFlag("include_result", e.IncludeResult)
	if len(e.Headers) > 0 {
		headers := item{}
		for name, value := range e.Headers {
			headers[name] = text(value)
		}
		i["headers"] = &types.AttributeValueMemberM{Value: headers}
	}
	i.setText("description", e.Description)
	i.setFlag("enabled", e.Enabled)
	i.setText("disabled_reason", e.DisabledReason)
	if len(e.Secrets) > 0 {
		i["secrets"] = sealedSecrets(e.Secrets)
	}
	i.setTime("created_at", e.CreatedAt)
	i.setTime("updated_at", e.UpdatedAt)
	i.setText(attrRev, e.Rev)
	return i
}

func sealedSecrets(secrets []webhook.SealedSecret) types.AttributeValue {
	values := make([]types.AttributeValue, 0, len(secrets))
	for _, s := range secrets {
		i := item{}
		i.setText("sealed", s.Sealed)
		i.setText("ref", s.Ref)
		i.setTime("valid_until", s.ExpiresAt)
		values = append(values, &types.AttributeValueMemberM{Value: i})
	}
	return &types.AttributeValueMemberL{Value: values}
}

func readEndpoint(i item) webhook.Endpoint {
	return webhook.Endpoint{
		ID:             i.text(attrEndpointID),
		Account:        i.text(attrAccount),
		URL:            i.text("url"),
		Events:         i.texts("events"),
		Profile:        payload.Profile(i.text("profile")),
		IncludeResult:  i.flag("include_result"),
		Headers:        i.headers(),
		Description:    i.text("description"),
		Enabled:        i.flag("enabled"),
		DisabledReason: i.text("disabled_reason"),
		Secrets:        i.secrets(),
		CreatedAt:      i.time("created_at"),
		UpdatedAt:      i.time("updated_at"),
		Rev:            i.text(attrRev),
	}
}

func readEndpoints(records []item) []webhook.Endpoint {
	endpoints := make([]webhook.Endpoint, 0, len(records))
	for _, record := range records {
		endpoints = append(endpoints, readEndpoint(record))
	}
	return endpoints
}

func (i item) headers() map[string]string {
	m, ok := i["headers"].(*types.AttributeValueMemberM)
	if !ok {
		return nil
	}
	headers := make(map[string]string, len(m.Value))
	for name := range m.Value {
		headers[name] = item(m.Value).text(name)
	}
	return headers
}

func (i item) secrets() []webhook.SealedSecret {
	var secrets []webhook.SealedSecret
	for _, s := range i.items("secrets") {
		secrets = append(secrets, webhook.SealedSecret{
			Sealed: s.text("sealed"), Ref: s.text("ref"), ExpiresAt: s.time("valid_until"),
		})
	}
	return secrets
}
