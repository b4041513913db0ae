//go:build rehearse

package rehearse_test

// slowMapping and slowRedrive are the template's lines, as they stand there.
const (
	slowMapping = `        Slow:
          Type: SQS
          Properties:
            Queue: !GetAtt SlowQueue.Arn
            BatchSize: !Ref BatchSize
            MaximumBatchingWindowInSeconds: !Ref BatchWindowSeconds
            FunctionResponseTypes: [ReportBatchItemFailures]
            ScalingConfig: {MaximumConcurrency: !Ref SlowConcurrency} # so that slow endpoints take no call from the queue above
`
	slowRedrive = `      RedrivePolicy:
        deadLetterTargetArn: !GetAtt RetryDeadLetters.Arn # retry takes both queues: one redrive serves for both
        maxReceiveCount: 100 # as above
`
)

// mutation is a deliberate mistake: in a file, the first old after a text becomes
// new. The rest says who must notice; TestMutations runs all that can.
type mutation struct {
	name       string
	file       string // template.yaml when empty
	after      string
	old, new   string
	everywhere bool // each old, not only the first
}

// The texts that mutations start from.
const (
	dispatch      = "\n  DispatchFunction:\n"
	dispatchRole  = "\n  DispatchRole:\n"
	retry         = "\n  RetryFunction:\n"
	retryRole     = "\n  RetryRole:\n"
	accountRule   = "\n  CompletionRule:\n"
	defaultRule   = "\n  DefaultAccountRule:\n"
	completions   = "\n  CompletionsQueue:\n"
	retries       = "\n  RetryQueue:\n"
	slow          = "\n  SlowQueue:"
	endpoints     = "\n  EndpointsTable:\n"
	deliveries    = "\n  DeliveriesTable:\n"
	receiveRole   = "\n  ReceiveRole:\n"
	variables     = "\n    Environment:\n"
	receiveInside = "receive.yaml"
	jobsInside    = "aws-jobs.yaml"
)

var mutations = []mutation{
	// What the functions are given.
	{name: "a variable is missing: RETRY_QUEUE_URL", after: variables, old: "        RETRY_QUEUE_URL: !Ref RetryQueue", new: "        # gone"},
	{name: "a variable is misspelt: DELIVERY_TABLE", after: variables, old: "DELIVERIES_TABLE:", new: "DELIVERY_TABLE:"},
	{name: "an ARN for a URL: RETRY_QUEUE_URL", after: variables, old: "RETRY_QUEUE_URL: !Ref RetryQueue", new: "RETRY_QUEUE_URL: !GetAtt RetryQueue.Arn"},
	{name: "another queue in SLOW_QUEUE_URL", after: variables, old: "SLOW_QUEUE_URL: !Ref SlowQueue", new: "SLOW_QUEUE_URL: !Ref RetryQueue"},
	{name: "another table in ENDPOINTS_TABLE", after: variables, old: "ENDPOINTS_TABLE: !Ref EndpointsTable", new: "ENDPOINTS_TABLE: !Ref DeliveriesTable"},
	{name: "another secret in SIGNING_SECRET_ID", after: variables, old: "SIGNING_SECRET_ID: !Ref SigningSecret", new: "SIGNING_SECRET_ID: !Ref SealingKey"},
	{name: "a duration without its unit", after: "\nMappings:", old: "{Duration: 720h}", new: "{Duration: 720}"},
	{name: "a setting is not handed on: OVERSIZE_RESULT", after: variables, old: "        OVERSIZE_RESULT: !Ref OversizeResult # omit, reject\n", new: ""},
	{name: "a schedule cannot be named", after: "\n  Schedule:\n", old: "^(default|antinium|standard|3d|([0-9]+(h|m|s))+(,([0-9]+(h|m|s))+){0,29})$", new: "^([0-9]+(h|m|s))+(,([0-9]+(h|m|s))+){0,29}$"},
	{name: "a default that its own pattern refuses", after: "\n  Schedule:\n", old: "Default: 1m,5m,15m", new: "Default: 1 min"},
	{name: "an emulator's address left in", after: variables, old: `AWS_ENDPOINT_URL_SQS: ""`, new: `AWS_ENDPOINT_URL_SQS: "http://localhost:9324"`},
	{name: "receive reads another secret", file: receiveInside, old: "SOURCES_SECRET_ID: !Ref SourcesSecret", new: "SOURCES_SECRET_ID: !Ref InboxQueue"},
	{name: "another function's code", after: dispatch, old: "CodeUri: functions/dispatch/", new: "CodeUri: functions/retry/"},

	// Triggers.
	{name: "no partial batch response", after: dispatch, old: "            FunctionResponseTypes: [ReportBatchItemFailures]\n", new: ""},
	{name: "retry takes from the completions", after: retry, old: "Queue: !GetAtt RetryQueue.Arn", new: "Queue: !GetAtt CompletionsQueue.Arn"},
	{name: "a URL for an ARN: the trigger's queue", after: dispatch, old: "Queue: !GetAtt CompletionsQueue.Arn", new: "Queue: !Ref CompletionsQueue"},
	{name: "visibility shorter than the function's timeout", after: completions, old: "VisibilityTimeout: 400", new: "VisibilityTimeout: 50"},
	{name: "visibility shorter than six timeouts", after: retries, old: "VisibilityTimeout: 400", new: "VisibilityTimeout: 120"},
	{name: "a wrong event pattern", after: accountRule, old: "detail-type: [Job Completed]", new: "detail-type: [Job Complete]"},
	{name: "a pattern that takes one source only", after: accountRule, old: "detail-type: [Job Completed]", new: "detail-type: [Job Completed]\n        source: [com.example]"},
	{name: "the rule sends the result alone", after: accountRule, old: "Arn: !GetAtt CompletionsQueue.Arn", new: "Arn: !GetAtt CompletionsQueue.Arn\n          InputPath: $.detail"},
	{name: "a rule has no dead letters", after: defaultRule, old: "          DeadLetterConfig: *ThenAside\n", new: ""},
	{name: "accounts make no groups", after: accountRule, old: "          SqsParameters: {MessageGroupId: $.detail.account}\n", new: ""},
	{name: "AWS's account for the customer's", after: accountRule, old: "MessageGroupId: $.detail.account", new: "MessageGroupId: $.account"},
	{name: "no account makes no group", after: defaultRule, old: "          SqsParameters: {MessageGroupId: default}\n", new: ""},
	{name: "completions without an account are lost", after: defaultRule, old: "account: [{exists: false}]", new: "account: [default]"},
	{name: "completions with an account are lost", after: accountRule, old: "account: [{exists: true}]", new: "account: [{exists: false}]"},
	{name: "completions with an account come twice", after: defaultRule, old: "        detail: {account: [{exists: false}]}\n", new: ""},
	{name: "AWS's jobs find no group", file: jobsInside, after: "\nResources:", old: "MessageGroupId: !Ref Account", new: "MessageGroupId: $.detail.account"},
	{name: "nobody takes from the slow queue", after: retry, old: slowMapping, new: ""},
	{name: "slow endpoints take the others' calls", after: retry, old: "!Ref SlowConcurrency", new: "!Ref MaximumConcurrency"},
	{name: "no partial batch response of the slow queue", after: "\n            Queue: !GetAtt SlowQueue.Arn\n", old: "            FunctionResponseTypes: [ReportBatchItemFailures]\n", new: ""},
	{name: "retry's loop is not meant", after: retry, old: "RecursiveLoop: Allow", new: "RecursiveLoop: Terminate"},

	// Queues.
	{name: "no queue policy lets the rule in", after: "\n  CompletionsPolicy:\n", old: `!GetAtt CompletionRule.Arn`, new: `!GetAtt CompletionsQueue.Arn`},
	{name: "no queue policy lets the second rule in", after: "\n  CompletionsPolicy:\n", old: `, !GetAtt DefaultAccountRule.Arn]`, new: `]`},
	{name: "a queue policy that lets everybody in", after: "\n  CompletionsPolicy:\n", old: "Principal: {Service: events.amazonaws.com}", new: `Principal: "*"`},
	{name: "a second policy in the place of the first", after: "\n  OtherQueuesPolicy:\n", old: "Queues: [!Ref RetryQueue,", new: "Queues: [!Ref CompletionsQueue, !Ref RetryQueue,"},
	{name: "a queue takes plain HTTP", after: "\n  OtherQueuesPolicy:\n", old: "Queues: [!Ref RetryQueue,", new: "Queues: ["},
	{name: "another queue's dead letters", after: completions, old: "deadLetterTargetArn: !GetAtt CompletionsDeadLetters.Arn", new: "deadLetterTargetArn: !GetAtt RetryDeadLetters.Arn"},
	{name: "the slow queue gives nothing up", after: slow, old: slowRedrive, new: ""},
	{name: "dead after one receive", after: retries, old: "maxReceiveCount: 100", new: "maxReceiveCount: 1"},
	{name: "an hour's outage empties the queue", after: completions, old: "maxReceiveCount: 100", new: "maxReceiveCount: 10"},
	{name: "dead letters kept for four days", after: "\n  RetryDeadLetters:\n", old: "MessageRetentionPeriod: 1209600", new: "MessageRetentionPeriod: 345600"},
	{name: "a queue without encryption", after: retries, old: "SqsManagedSseEnabled: true", new: "SqsManagedSseEnabled: false"},

	// Tables and secrets.
	{name: "an index with another key", after: deliveries, old: "{AttributeName: rec, KeyType: HASH}", new: "{AttributeName: pk, KeyType: HASH}"},
	{name: "an index that lacks an attribute", after: deliveries, old: "{ProjectionType: INCLUDE, NonKeyAttributes: [st]}", new: "{ProjectionType: KEYS_ONLY}"},
	{name: "a table with another sort key", after: deliveries, old: "AttributeName: sk,", new: "AttributeName: event,", everywhere: true},
	{name: "receipts under two keys", file: receiveInside, after: "\n  ReceiptsTable:\n", old: "        - {AttributeName: receipt, KeyType: HASH}", new: "        - {AttributeName: source, KeyType: HASH}\n        - {AttributeName: receipt, KeyType: RANGE}"},
	{name: "TTL on an attribute that nobody writes", after: deliveries, old: "AttributeName: x, Enabled", new: "AttributeName: ttl, Enabled"},
	{name: "removed endpoints stay forever", after: endpoints, old: "      TimeToLiveSpecification: {AttributeName: x, Enabled: true} # of removed endpoints\n", new: ""},
	{name: "no point-in-time recovery", after: deliveries, old: "PointInTimeRecoveryEnabled: true", new: "PointInTimeRecoveryEnabled: false"},
	{name: "a table that goes with the stack", after: deliveries, old: "DeletionPolicy: Retain", new: "DeletionPolicy: Delete"},
	{name: "a signing secret that is none", after: "\n  SigningSecret:\n", old: `'{"prefix":"whsec_"}'`, new: `'{"prefix":"whsk_"}'`},
	{name: "a sealing key that is too short", after: "\n  SealingKey:\n", old: "PasswordLength: 64", new: "PasswordLength: 16"},
	{name: "logs that never expire", after: "\n  DispatchLogs:\n", old: "      RetentionInDays: !Ref LogRetentionDays\n", new: ""},

	// Rights.
	{name: "retry may not load: no BatchGetItem", after: retryRole, old: "Action: dynamodb:BatchGetItem", new: "Action: dynamodb:GetItem"},
	{name: "dispatch may not claim: no PartiQLInsert", after: dispatchRole, old: "dynamodb:PartiQLInsert, dynamodb:PartiQLUpdate,", new: "dynamodb:PartiQLUpdate,"},
	{name: "dispatch may not take over: no PartiQLUpdate", after: dispatchRole, old: "dynamodb:PartiQLInsert, dynamodb:PartiQLUpdate,", new: "dynamodb:PartiQLInsert,"},
	{name: "retry may not record for dispatch: no PartiQLInsert", after: retryRole, old: "dynamodb:PartiQLUpdate, dynamodb:PartiQLInsert,", new: "dynamodb:PartiQLUpdate,"},
	{name: "retry may not disable: no UpdateItem", after: retryRole, old: "Action: dynamodb:UpdateItem", new: "Action: dynamodb:PutItem"},
	{name: "dispatch may only query an index", after: dispatchRole, old: "Resource: !GetAtt EndpointsTable.Arn", new: "Resource: !Sub ${EndpointsTable.Arn}/index/*"},
	{name: "retry may not take: no DeleteMessage", after: retryRole, old: "sqs:ReceiveMessage, sqs:DeleteMessage,", new: "sqs:ReceiveMessage,"},
	{name: "messages return late: no ChangeMessageVisibility", after: dispatchRole, old: ", sqs:ChangeMessageVisibility]", new: "]"},
	{name: "the sealing key is unreadable", after: dispatchRole, old: "                  - !Ref SealingKey\n", new: ""},
	{name: "the functions may not write their log", after: retryRole, old: "logs:CreateLogStream, logs:PutLogEvents", new: "logs:CreateLogStream"},
	{name: "all actions: dynamodb:*", after: dispatchRole, old: "[dynamodb:Query, dynamodb:BatchGetItem, dynamodb:UpdateItem]", new: "dynamodb:*"},
	{name: "one action too many: Scan", after: dispatchRole, old: "[dynamodb:Query, ", new: "[dynamodb:Query, dynamodb:Scan, "},
	{name: "one action too many: PartiQLDelete", after: retryRole, old: "dynamodb:PartiQLInsert, ", new: "dynamodb:PartiQLInsert, dynamodb:PartiQLDelete, "},
	{name: "all tables", after: dispatchRole, old: "Resource: !GetAtt DeliveriesTable.Arn", new: `Resource: "*"`},
	{name: "one queue too many", after: retryRole, old: "Resource: [!GetAtt RetryQueue.Arn,", new: "Resource: [!GetAtt RetryQueue.Arn, !GetAtt CompletionsQueue.Arn,"},
	{name: "dispatch may not hand over: no SlowQueue", after: dispatchRole, old: "!GetAtt SlowQueue.Arn, ", new: ""},
	{name: "retry may not take from the slow queue", after: retryRole, old: "Resource: [!GetAtt RetryQueue.Arn, !GetAtt SlowQueue.Arn]", new: "Resource: !GetAtt RetryQueue.Arn"},
	{name: "a managed policy", after: dispatchRole, old: "      Policies:\n", new: "      ManagedPolicyArns: [arn:aws:iam::aws:policy/AmazonSQSFullAccess]\n      Policies:\n"},
	{name: "two functions share a role", after: retry, old: "Role: !GetAtt RetryRole.Arn", new: "Role: !GetAtt DispatchRole.Arn"},
	{name: "receive may not release: no DeleteItem", file: receiveInside, after: receiveRole, old: "dynamodb:UpdateItem, dynamodb:DeleteItem", new: "dynamodb:UpdateItem"},
	{name: "receive's URL asks senders to sign for AWS", file: receiveInside, old: "AuthType: NONE", new: "AuthType: AWS_IAM"},

	// The whole.
	{name: "an alarm that watches what isn't there", after: "\n  RejectedAlarm:\n", old: "!GetAtt RejectedQueue.QueueName", new: "rejected"},
	{name: "an output of what isn't there", after: "\nOutputs:\n", old: "Value: !Ref CompletionsQueue", new: "Value: !Ref CompletionQueue"},
	{name: "a property that is misspelt", after: deliveries, old: "TimeToLiveSpecification:", new: "TimeToLive:"},
	{name: "an unknown parameter for receive's stack", after: "\n  Receiving:\n", old: "        LogLevel: !Ref LogLevel", new: "        Loglevel: !Ref LogLevel"},
	{name: "another runtime", after: "\nGlobals:\n", old: "Runtime: provided.al2023", new: "Runtime: go1.x"},
}
