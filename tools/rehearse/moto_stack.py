"""moto_stack.py DIRECTORY: a second opinion. The translated templates there become
a stack in moto (moto_deploy.py), with everything switched on, and it is read back by
AWS's own SDK. What the template says and what then is must agree."""

import json
import pathlib
import sys

import moto_deploy  # first: it sets the environment that boto3 reads
import boto3
from moto import mock_aws

FAULTS = []


def want(what, have, wanted):
    if have != wanted:
        FAULTS.append(f"{what}: {have}, want {wanted}")


def client(service):
    return boto3.client(service)


def of_type(resources, made, kind):
    return [(n, r["Properties"], made[n]) for n, r in resources.items() if r["Type"] == kind and n in made]


def tables(resources, made):
    db = client("dynamodb")
    for name, p, physical in of_type(resources, made, "AWS::DynamoDB::Table"):
        table = db.describe_table(TableName=physical)["Table"]
        want(f"{name} key", table["KeySchema"], p["KeySchema"])
        want(f"{name} indexes", sorted(i["IndexName"] for i in table.get("GlobalSecondaryIndexes", [])),
             sorted(i["IndexName"] for i in p.get("GlobalSecondaryIndexes", [])))
        want(f"{name} billing", table["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST")
        want(f"{name} encryption", table.get("SSEDescription", {}).get("Status"), "ENABLED")
        ttl = db.describe_time_to_live(TableName=physical)["TimeToLiveDescription"]
        want(f"{name} TTL", ttl.get("AttributeName"), p.get("TimeToLiveSpecification", {}).get("AttributeName"))
        backups = db.describe_continuous_backups(TableName=physical)["ContinuousBackupsDescription"]
        want(f"{name} recovery", backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"], "ENABLED")


def queues(resources, made):
    policies = {q["Ref"] for _, p, _ in of_type(resources, made, "AWS::SQS::QueuePolicy") for q in p["Queues"]}
    for name, p, physical in of_type(resources, made, "AWS::SQS::Queue"):
        a = client("sqs").get_queue_attributes(QueueUrl=physical, AttributeNames=["All"])["Attributes"]
        want(f"{name} retention", a["MessageRetentionPeriod"], str(p["MessageRetentionPeriod"]))
        want(f"{name} encryption", a.get("SqsManagedSseEnabled"), "true")
        want(f"{name} policy", "OnlyOverTLS" in a.get("Policy", ""), name in policies)
        want(f"{name} has a policy", name in policies, True)
        if "RedrivePolicy" in p:
            dead = p["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
            redrive = json.loads(a["RedrivePolicy"])
            want(f"{name} redrive", redrive["deadLetterTargetArn"].split(":")[-1], made[dead].split("/")[-1])
            want(f"{name} receives", int(redrive["maxReceiveCount"]), p["RedrivePolicy"]["maxReceiveCount"])


def functions(resources, made):
    api, groups = client("lambda"), {g["logGroupName"]: g for g in client("logs").describe_log_groups()["logGroups"]}
    for name, p, physical in of_type(resources, made, "AWS::Lambda::Function"):
        f = api.get_function_configuration(FunctionName=physical)
        variables = f["Environment"]["Variables"]
        want(f"{name} variables", sorted(variables), sorted(p["Environment"]["Variables"]))
        for variable, value in p["Environment"]["Variables"].items():
            if isinstance(value, dict) and value.get("Ref") in made:
                want(f"{name} {variable}", variables[variable], made[value["Ref"]])
        want(f"{name} timeout", f["Timeout"], p["Timeout"])
        role = f["Role"].split("/")[-1]
        want(f"{name} role", role, made[p["Role"]["Fn::GetAtt"][0]])
        want(f"{name} policies", len(client("iam").list_role_policies(RoleName=role)["PolicyNames"]), 1)
        want(f"{name} managed policies", client("iam").list_attached_role_policies(RoleName=role)["AttachedPolicies"], [])
        group = groups.get(made[p["LoggingConfig"]["LogGroup"]["Ref"]], {})
        want(f"{name} logs", group.get("retentionInDays"), 30)
    for name, p, physical in of_type(resources, made, "AWS::Lambda::EventSourceMapping"):
        mappings = api.list_event_source_mappings()["EventSourceMappings"]
        queue = made[p["EventSourceArn"]["Fn::GetAtt"][0]].split("/")[-1]
        own = [m for m in mappings if m["FunctionArn"].endswith(made[p["FunctionName"]["Ref"]]) and m["EventSourceArn"].split(":")[-1] == queue]
        want(f"{name} mappings", len(own), 1)
        want(f"{name} answers", own[0].get("FunctionResponseTypes"), ["ReportBatchItemFailures"])
    for name, p, _ in of_type(resources, made, "AWS::Lambda::Url"):
        want(f"{name} AuthType", api.get_function_url_config(FunctionName=made[p["TargetFunctionArn"]["Ref"]])["AuthType"], "NONE")


def events(resources, made):
    for name, p, physical in of_type(resources, made, "AWS::Events::Rule"):
        rules = {r["Name"]: r for r in client("events").list_rules()["Rules"]}
        rule = rules.get(physical) or rules.get(physical.split("/")[-1]) or rules[physical.split("|")[-1]]
        want(f"{name} pattern", json.loads(rule["EventPattern"])["detail-type"], p["EventPattern"]["detail-type"])
        target = client("events").list_targets_by_rule(Rule=rule["Name"])["Targets"][0]
        queue = p["Targets"][0]["Arn"].get("Fn::GetAtt", [""])[0]
        if queue:  # the rules of aws-jobs have it by a parameter
            want(f"{name} target", target["Arn"].split(":")[-1], made[queue].split("/")[-1])
        group = p["Targets"][0]["SqsParameters"]["MessageGroupId"]
        want(f"{name} group", target.get("SqsParameters"), {"MessageGroupId": "default" if isinstance(group, dict) else group})  # that of aws-jobs by a parameter
        want(f"{name} dead letters", "Arn" in target.get("DeadLetterConfig", {}), True)


def watching(resources, made):
    alarms = {a["AlarmName"]: a for a in client("cloudwatch").describe_alarms()["MetricAlarms"]}
    names = {u.split("/")[-1] for u in client("sqs").list_queues().get("QueueUrls", [])}
    names |= {f["FunctionName"] for f in client("lambda").list_functions()["Functions"]}
    for name, _, physical in of_type(resources, made, "AWS::CloudWatch::Alarm"):
        for d in alarms[physical]["Dimensions"]:
            if d["Name"] in ("QueueName", "FunctionName") and d["Value"] not in names:
                FAULTS.append(f"{name}: watches {d['Name']} {d['Value']}, which isn't there")


def secrets(resources, made):
    for name, p, physical in of_type(resources, made, "AWS::SecretsManager::Secret"):
        value = client("secretsmanager").get_secret_value(SecretId=physical)["SecretString"]
        generate = p.get("GenerateSecretString")
        if generate and "GenerateStringKey" in generate:
            want(f"{name} parts", sorted(json.loads(value)), sorted([*json.loads(generate["SecretStringTemplate"]), generate["GenerateStringKey"]]))
        elif generate:
            want(f"{name} length", len(value), generate["PasswordLength"])


def read_back(deployment):
    """Checks a stack and those within it, and counts their resources."""
    resources = deployment.resources
    made = {name: getattr(resources[name], "physical_resource_id", name) for name in deployment.order}
    for check in (tables, queues, functions, events, watching, secrets):
        check(deployment.template["Resources"], made)
    return len(made) + sum(read_back(resources[name].stack) for name in made if hasattr(resources[name], "stack"))


@mock_aws
def main(directory):
    moto_deploy.code()
    switches = {f"{s}Jobs": "enabled" for s in ("Bedrock", "SageMaker", "Transcribe", "Translate", "Batch", "StepFunctions", "MediaConvert")}
    stack = moto_deploy.Deployment("jobhook")
    try:
        stack.apply(directory, "template", {**switches, "Receive": "enabled", "AlarmEmail": "ops@example.com"})
    except moto_deploy.Refused as refused:
        sys.exit(f"moto: {refused}")
    print(f"moto: {read_back(stack)} resources made and read back, {len(FAULTS)} faults")
    for fault in FAULTS:
        print(f"  {fault}")
    return 1 if FAULTS else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(pathlib.Path(sys.argv[1])))
