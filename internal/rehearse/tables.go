package rehearse

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/jobhook/jobhook/internal/rehearse/cloudformation"
	"github.com/jobhook/jobhook/internal/rehearse/gate"
)

func makeTable(ctx context.Context, r *resource) (cloudformation.Made, error) {
	name := r.name()
	input := &dynamodb.CreateTableInput{
		TableName: aws.String(name), BillingMode: types.BillingMode(r.text("BillingMode")),
		KeySchema: keySchema(r.at("KeySchema")),
	}
	for _, one := range r.list("AttributeDefinitions") {
		input.AttributeDefinitions = append(input.AttributeDefinitions, types.AttributeDefinition{
			AttributeName: field(one, "AttributeName"), AttributeType: types.ScalarAttributeType(*field(one, "AttributeType")),
		})
	}
	for _, one := range r.list("GlobalSecondaryIndexes") {
		index := types.GlobalSecondaryIndex{IndexName: field(one, "IndexName"), KeySchema: keySchema(value(one, "KeySchema"))}
		projection := value(one, "Projection")
		index.Projection = &types.Projection{ProjectionType: types.ProjectionType(*field(projection, "ProjectionType"))}
		if also, ok := value(projection, "NonKeyAttributes").([]any); ok {
			for _, attribute := range also {
				index.Projection.NonKeyAttributes = append(index.Projection.NonKeyAttributes, cloudformation.Text(attribute))
			}
		}
		input.GlobalSecondaryIndexes = append(input.GlobalSecondaryIndexes, index)
	}
	db := r.stack.cloud.DynamoDB
	if _, err := db.CreateTable(ctx, input); err != nil {
		return cloudformation.Made{}, wrap(err)
	}
	if ttl := r.at("TimeToLiveSpecification"); ttl != nil {
		_, err := db.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
			TableName: aws.String(name),
			TimeToLiveSpecification: &types.TimeToLiveSpecification{
				AttributeName: field(ttl, "AttributeName"), Enabled: aws.Bool(value(ttl, "Enabled") == true),
			},
		})
		if err != nil {
			return cloudformation.Made{}, wrap(err)
		}
	}
	r.stack.cloud.add("TableName", name)
	return cloudformation.Made{Ref: name, Attributes: map[string]string{"Arn": gate.TableARN(name)}}, nil
}

func keySchema(v any) []types.KeySchemaElement {
	list, _ := v.([]any)
	var schema []types.KeySchemaElement
	for _, one := range list {
		schema = append(schema, types.KeySchemaElement{
			AttributeName: field(one, "AttributeName"), KeyType: types.KeyType(*field(one, "KeyType")),
		})
	}
	return schema
}

func value(v any, key string) any {
	m, _ := v.(map[string]any)
	return m[key]
}

func field(v any, key string) *string {
	if found := value(v, key); found != nil {
		return aws.String(cloudformation.Text(found))
	}
	return aws.String("")
}
