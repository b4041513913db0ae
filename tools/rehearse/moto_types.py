"""The CloudFormation types that moto 5.2 lacks, made through its own APIs: queue
policies, secrets, alarms, dashboards, function URLs; and tables, of which it takes half."""

import json

import boto3
import moto.cloudformation.parsing  # noqa: F401  (its own types first: of two for one type the later wins)
from moto.core.common_models import CloudFormationModel
from moto.events.models import EventBus
from moto.logs.models import LogGroup


class Made:
    """A resource that exists by an API call; what Ref and GetAtt give of it."""

    def __init__(self, ref, **attributes):
        self.physical_resource_id, self.attributes = ref, attributes

    def get_cfn_attribute(self, name):
        return self.attributes[name]

    def is_created(self):
        return True


def without_nothing(value):
    """Takes out what AWS::NoValue became: moto leaves None in lists."""
    if isinstance(value, dict):
        return {k: without_nothing(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [without_nothing(v) for v in value if v is not None]
    return value


def knows(kind):
    """Registers a function from (name, properties) to Made as a type of moto's."""

    def register(make):
        def create(cls, resource_name, cloudformation_json, account_id, region_name, **_):
            return make(resource_name, without_nothing(cloudformation_json.get("Properties", {})))

        # moto finds a type among CloudFormationModel's direct subclasses, and its
        # service by the module's name.
        KEEP.append(type(CloudFormationModel)(make.__name__, (CloudFormationModel,), {
            "__module__": "moto.jobhook.models",
            "cloudformation_type": staticmethod(lambda: kind),
            "cloudformation_name_type": staticmethod(lambda: ""),
            "has_cfn_attr": classmethod(lambda cls, attr: True),
            "create_from_cloudformation_json": classmethod(create),
        }))
        return make

    return register


KEEP = []  # classes that nothing else refers to would be collected


@knows("AWS::SQS::QueuePolicy")
def queue_policy(name, p):
    for url in p["Queues"]:
        boto3.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(p["PolicyDocument"])})
    return Made(name)


@knows("AWS::SecretsManager::Secret")
def secret(name, p):
    client = boto3.client("secretsmanager")
    value, generate = p.get("SecretString"), p.get("GenerateSecretString")
    if generate:
        options = {k: v for k, v in generate.items() if k in ("PasswordLength", "ExcludePunctuation", "ExcludeCharacters")}
        options = {k: int(v) if k == "PasswordLength" else v in (True, "true") for k, v in options.items()}
        value = client.get_random_password(**options)["RandomPassword"]
        if "GenerateStringKey" in generate:
            value = json.dumps({**json.loads(generate["SecretStringTemplate"]), generate["GenerateStringKey"]: value})
    arn = client.create_secret(Name=name, Description=p.get("Description", ""), SecretString=value)["ARN"]
    made = Made(arn, Id=arn)
    made.value = value
    return made


@knows("AWS::CloudWatch::Alarm")
def alarm(name, p):
    numbers = {k: p.pop(k) for k in ("Threshold", "Period", "EvaluationPeriods", "DatapointsToAlarm") if k in p}
    p.pop("Tags", None)
    boto3.client("cloudwatch").put_metric_alarm(
        AlarmName=name, **{k: v for k, v in p.items() if v != []},
        **{k: float(v) if k == "Threshold" else int(v) for k, v in numbers.items()},
    )
    return Made(name, Arn=f"arn:aws:cloudwatch:us-east-1:123456789012:alarm:{name}")


@knows("AWS::CloudWatch::Dashboard")
def dashboard(name, p):
    boto3.client("cloudwatch").put_dashboard(DashboardName=p.get("DashboardName", name), DashboardBody=p["DashboardBody"])
    return Made(p.get("DashboardName", name))


@knows("AWS::Lambda::Url")
def url(name, p):
    made = boto3.client("lambda").create_function_url_config(FunctionName=p["TargetFunctionArn"], AuthType=p["AuthType"])
    return Made(made["FunctionArn"], FunctionUrl=made["FunctionUrl"], FunctionArn=made["FunctionArn"])


# moto has this one, and drops TTL, recovery and encryption.
@knows("AWS::DynamoDB::Table")
def table(name, p):
    db = boto3.client("dynamodb")
    keys = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "DeletionProtectionEnabled")
    options = {k: p[k] for k in keys if k in p}
    if "SSESpecification" in p:
        options["SSESpecification"] = {"Enabled": p["SSESpecification"]["SSEEnabled"]}
    arn = db.create_table(TableName=name, **options)["TableDescription"]["TableArn"]
    if "TimeToLiveSpecification" in p:
        db.update_time_to_live(TableName=name, TimeToLiveSpecification=p["TimeToLiveSpecification"])
    if "PointInTimeRecoverySpecification" in p:
        db.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=p["PointInTimeRecoverySpecification"])
    return Made(name, Arn=arn)


# What moto's own types get wrong of Ref and GetAtt.
EventBus.physical_resource_id = property(lambda self: self.name)
LogGroup.get_cfn_attribute = lambda self, name: {"Arn": f"{self.arn}:*"}[name]
