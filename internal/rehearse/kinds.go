package rehearse

import (
	"context"

	"github.com/jobhook/jobhook/internal/rehearse/cloudformation"
)

// kind is a type of resource: the properties that the rehearsal understands and
// how it makes one.
type kind struct {
	properties []string
	make       func(ctx context.Context, r *resource) (cloudformation.Made, error)
	kept       bool // it holds data: an update that changes it is a fault
	always     bool // made at every update: its code may have changed
}

// kinds is all that the rehearsal knows. A template with another type fails.
// A function, since a nested stack comes back to it.
func kinds() map[string]kind {
	return map[string]kind{
		"AWS::SQS::Queue": {make: makeQueue, properties: []string{
			"QueueName", "VisibilityTimeout", "MessageRetentionPeriod", "SqsManagedSseEnabled", "RedrivePolicy", "DelaySeconds", "Tags",
		}},
		"AWS::SQS::QueuePolicy": {make: makeQueuePolicy, properties: []string{"Queues", "PolicyDocument"}},
		"AWS::DynamoDB::Table": {make: makeTable, kept: true, properties: []string{
			"BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "TimeToLiveSpecification",
			"PointInTimeRecoverySpecification", "SSESpecification", "DeletionProtectionEnabled", "Tags",
		}},
		"AWS::SecretsManager::Secret": {make: makeSecret, kept: true, properties: []string{
			"Description", "GenerateSecretString", "SecretString", "Tags",
		}},
		"AWS::IAM::Role": {make: makeRole, properties: []string{"AssumeRolePolicyDocument", "Policies", "Tags", "Description"}},
		"AWS::Lambda::Function": {make: makeFunction, always: true, properties: []string{
			"Architectures", "Code", "Description", "Environment", "Handler", "LoggingConfig", "MemorySize", "RecursiveLoop",
			"ReservedConcurrentExecutions", "Role", "Runtime", "Tags", "Timeout", "TracingConfig", "VpcConfig",
		}},
		"AWS::Lambda::EventSourceMapping": {make: makeMapping, properties: []string{
			"BatchSize", "EventSourceArn", "FunctionName", "MaximumBatchingWindowInSeconds", "FunctionResponseTypes",
			"ScalingConfig", "Enabled", "Tags",
		}},
		"AWS::Lambda::Url":        {make: makeURL, properties: []string{"TargetFunctionArn", "AuthType", "InvokeMode", "Cors"}},
		"AWS::Lambda::Permission": {make: makePermission, properties: []string{"Action", "FunctionName", "Principal", "FunctionUrlAuthType", "InvokedViaFunctionUrl"}},
		"AWS::Events::EventBus":   {make: makeBus, properties: []string{"Name", "Description", "Tags"}},
		"AWS::Events::Rule": {make: makeRule, properties: []string{
			"Description", "EventBusName", "EventPattern", "Targets", "State", "Name", "Tags",
		}},
		"AWS::Logs::LogGroup": {make: makeLogGroup, properties: []string{"LogGroupName", "RetentionInDays", "Tags"}},
		"AWS::SNS::Topic":     {make: makeTopic, properties: []string{"DisplayName", "Subscription", "Tags", "KmsMasterKeyId"}},
		"AWS::CloudWatch::Alarm": {make: makeAlarm, properties: []string{
			"AlarmDescription", "Namespace", "MetricName", "Dimensions", "Statistic", "ComparisonOperator", "Threshold", "Period",
			"EvaluationPeriods", "DatapointsToAlarm", "TreatMissingData", "AlarmActions", "OKActions", "Unit", "Metrics",
			"ExtendedStatistic", "EvaluateLowSampleCountPercentile", "Tags",
		}},
		"AWS::CloudWatch::Dashboard": {make: makeDashboard, properties: []string{"DashboardName", "DashboardBody"}},
		"AWS::CloudFormation::Stack": {make: makeNested, always: true, properties: []string{"TemplateURL", "Parameters", "Tags"}},
	}
}
