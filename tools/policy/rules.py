"""The rules. Each yields (resource, what is wrong). A rule's docstring is its text
in the report."""

import re

from facts import branches, least, listed, most, of_type, statements, target, text

FORTNIGHT = 1209600  # seconds; the longest that SQS keeps a message


def identity_documents(template):
    for name, _, p in of_type(template, "AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        for policy in listed(p.get("Policies")):
            yield name, policy["PolicyDocument"]
        if "PolicyDocument" in p:
            yield name, p["PolicyDocument"]


def allowing(document):
    return [s for s in statements(document) if s.get("Effect") == "Allow"]


def actions_are_named(template):
    """No role has an action with a wildcard, nor "all but" anything"""
    for name, document in identity_documents(template):
        for s in allowing(document):
            for action in listed(s.get("Action")):
                if "*" in action or "?" in action:
                    yield name, f"{s.get('Sid')}: {action}"
            for key in ("NotAction", "NotResource"):
                if key in s:
                    yield name, f"{s.get('Sid')}: {key}"


def resources_are_named(template):
    """No role has a resource with a wildcard"""
    for name, document in identity_documents(template):
        for s in allowing(document):
            for resource in listed(s.get("Resource")):
                if "*" in text(resource):
                    yield name, f"{s.get('Sid')}: {text(resource)}"


def roles_are_own(template):
    """Roles have policies of their own, no managed ones, and only Lambda assumes them"""
    for name, _, p in of_type(template, "AWS::IAM::Role"):
        if p.get("ManagedPolicyArns"):
            yield name, f"managed policies {p['ManagedPolicyArns']}"
        for s in statements(p.get("AssumeRolePolicyDocument")):
            if s.get("Principal") != {"Service": "lambda.amazonaws.com"} and s.get("Principal") != {"Service": ["lambda.amazonaws.com"]}:
                yield name, f"{s.get('Principal')} may assume it"
    roles = [target(p.get("Role")) for _, _, p in of_type(template, "AWS::Lambda::Function")]
    for name, _, p in of_type(template, "AWS::Lambda::Function"):
        role = target(p.get("Role"))
        if role not in template["Resources"] or roles.count(role) != 1:
            yield name, f"its role {role} is not its own"
    for name, resource, _ in of_type(template, "AWS::IAM::User", "AWS::IAM::AccessKey", "AWS::IAM::Group"):
        yield name, resource["Type"]


def dead_letter_queues(template):
    found = set()
    for _, _, p in of_type(template, "AWS::SQS::Queue"):
        found.add(target((p.get("RedrivePolicy") or {}).get("deadLetterTargetArn")))
    for _, _, p in of_type(template, "AWS::Events::Rule"):
        for t in listed(p.get("Targets")):
            found.add(target((t.get("DeadLetterConfig") or {}).get("Arn")))
    return found - {None}


def queues_are_encrypted(template):
    """Queues are encrypted at rest"""
    for name, _, p in of_type(template, "AWS::SQS::Queue"):
        if p.get("SqsManagedSseEnabled") is not True and not p.get("KmsMasterKeyId"):
            yield name, "no encryption"


def queues_refuse_plain_http(template):
    """Each queue has one policy, and it refuses what doesn't come over TLS"""
    policies = {}
    for name, _, p in of_type(template, "AWS::SQS::QueuePolicy"):
        refuses = any(
            s.get("Effect") == "Deny" and s.get("Principal") == "*" and list(listed(s.get("Action"))) == ["sqs:*"]
            and s.get("Resource") == "*" and s.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
            for s in statements(p.get("PolicyDocument"))
        )
        for queue in listed(p.get("Queues")):
            policies.setdefault(target(queue), []).append((name, refuses))
    for name, _, _ in of_type(template, "AWS::SQS::Queue"):
        own = policies.get(name, [])
        if len(own) != 1:
            yield name, f"{len(own)} policies: the last one set is the only one that holds"
        elif not own[0][1]:
            yield name, f"{own[0][0]} lets plain HTTP in"


def queue_policies_name_their_source(template):
    """A queue lets nobody in but a named service on behalf of a named source"""
    for name, _, p in of_type(template, "AWS::SQS::QueuePolicy"):
        for s in statements(p.get("PolicyDocument")):
            if s.get("Effect") != "Allow":
                continue
            principal = s.get("Principal")
            if not isinstance(principal, dict) or list(principal) != ["Service"]:
                yield name, f"{s.get('Sid')}: principal {principal}"
            condition = s.get("Condition") or {}
            if not (condition.get("ArnEquals") or {}).get("aws:SourceArn"):
                yield name, f"{s.get('Sid')}: no aws:SourceArn"
            if list(listed(s.get("Action"))) != ["sqs:SendMessage"] or target(s.get("Resource")) is None:
                yield name, f"{s.get('Sid')}: {s.get('Action')} on {s.get('Resource')}"


def queues_have_dead_letters(template):
    """Each queue that something takes from sets aside what fails, after 5 receives at least"""
    dead = dead_letter_queues(template)
    for name, _, p in of_type(template, "AWS::SQS::Queue"):
        redrive = p.get("RedrivePolicy")
        if name in dead:
            if redrive:
                yield name, "dead letters have dead letters"
            continue
        if not redrive:
            yield name, "no dead letters"
        elif target(redrive.get("deadLetterTargetArn")) in (None, name) or least(template, redrive.get("maxReceiveCount", 0)) < 5:
            yield name, f"redrive {redrive}"


def dead_letters_last(template):
    """Dead letters are kept for 14 days, and longer than the queue that they come from keeps them"""
    dead = dead_letter_queues(template)
    for name, _, p in of_type(template, "AWS::SQS::Queue"):
        kept = most(template, p.get("MessageRetentionPeriod", 345600))
        if name in dead and kept != FORTNIGHT:
            yield name, f"kept for {kept:.0f} s"
        if name not in dead and p.get("RedrivePolicy") and kept >= FORTNIGHT:
            yield name, "keeps messages as long as its dead letters: their clock began when they first came"


def tables_are_safe(template):
    """Tables are encrypted, recoverable, protected from deletion, and stay when the stack goes"""
    for name, resource, p in of_type(template, "AWS::DynamoDB::Table"):
        if (p.get("SSESpecification") or {}).get("SSEEnabled") is not True:
            yield name, "no encryption"
        if (p.get("PointInTimeRecoverySpecification") or {}).get("PointInTimeRecoveryEnabled") is not True:
            yield name, "no point-in-time recovery"
        if resource.get("DeletionPolicy") != "Retain" or resource.get("UpdateReplacePolicy") != "Retain":
            yield name, "goes with the stack"
        if True not in list(branches(p.get("DeletionProtectionEnabled"))):
            yield name, "no deletion protection"


def tables_expire(template):
    """Tables let old records expire"""
    for name, _, p in of_type(template, "AWS::DynamoDB::Table"):
        ttl = p.get("TimeToLiveSpecification") or {}
        if ttl.get("Enabled") is not True or not ttl.get("AttributeName"):
            yield name, "no TTL"


def secrets_are_generated(template):
    """Secrets are generated, not written in the template, and stay when the stack goes"""
    for name, resource, p in of_type(template, "AWS::SecretsManager::Secret"):
        if "GenerateSecretString" not in p:
            yield name, "its value stands in the template"
        if resource.get("DeletionPolicy") not in ("Retain", "RetainExceptOnCreate") or resource.get("UpdateReplacePolicy") != "Retain":
            yield name, "goes with the stack"


def functions_hold_no_secret(template):
    """No function has a secret in its variables: they name where it lies"""
    for name, _, p in of_type(template, "AWS::Lambda::Function"):
        for variable, value in ((p.get("Environment") or {}).get("Variables") or {}).items():
            if re.search("SECRET|KEY|PASSWORD|TOKEN", variable) and not re.search("_(ID|CACHE|PREFIX)$|^AWS_ENDPOINT", variable):
                yield name, variable
            for one in branches(value):
                if re.search(r"whsec_|whsk_|resolve:secretsmanager|AKIA[0-9A-Z]{16}", text(one)):
                    yield name, f"{variable} holds a secret"


def logs_expire(template):
    """Each function writes to a log group of its own, and log groups expire"""
    for name, _, p in of_type(template, "AWS::Lambda::Function"):
        group = target((p.get("LoggingConfig") or {}).get("LogGroup"))
        if template["Resources"].get(group, {}).get("Type") != "AWS::Logs::LogGroup":
            yield name, "no log group of the template's"
    for name, _, p in of_type(template, "AWS::Logs::LogGroup"):
        if not p.get("RetentionInDays"):
            yield name, "its logs never expire"


def nothing_is_public(template):
    """Nothing is open to everybody"""
    for name, _, p in of_type(template, "AWS::Lambda::Url"):
        if p.get("AuthType") != "AWS_IAM":
            yield name, f"a URL with AuthType {p.get('AuthType')}"
    for name, _, p in of_type(template, "AWS::Lambda::Permission"):
        if p.get("Principal") == "*":
            yield name, f"everybody has {p.get('Action')}"
    for kind in ("AWS::SNS::TopicPolicy", "AWS::Events::EventBusPolicy", "AWS::S3::BucketPolicy", "AWS::ApiGateway::RestApi", "AWS::ApiGatewayV2::Api"):
        for name, _, _ in of_type(template, kind):
            yield name, f"{kind}: say here why it is safe"


def mappings_answer_for_each_message(template):
    """Event source mappings report failures one by one and have a bound on concurrency"""
    for name, _, p in of_type(template, "AWS::Lambda::EventSourceMapping"):
        if "ReportBatchItemFailures" not in list(listed(p.get("FunctionResponseTypes"))):
            yield name, "no ReportBatchItemFailures: one failure brings the whole batch back, or loses it"
        if not (p.get("ScalingConfig") or {}).get("MaximumConcurrency"):
            yield name, "no MaximumConcurrency"


def messages_stay_hidden(template):
    """A queue hides a message for 6 times its function's timeout and the batch window on top"""
    for name, _, p in of_type(template, "AWS::Lambda::EventSourceMapping"):
        queue = template["Resources"].get(target(p.get("EventSourceArn")), {}).get("Properties", {})
        function = template["Resources"].get(target(p.get("FunctionName")), {}).get("Properties", {})
        hidden = least(template, queue.get("VisibilityTimeout", 30))
        needed = 6 * most(template, function.get("Timeout", 3)) + most(template, p.get("MaximumBatchingWindowInSeconds", 0))
        if hidden < needed:
            yield name, f"hidden for {hidden:.0f} s, {needed:.0f} s are needed"


def rules_lose_nothing(template):
    """A rule's target has dead letters, and its pattern names what it takes"""
    for name, _, p in of_type(template, "AWS::Events::Rule"):
        pattern = p.get("EventPattern") or {}
        if "detail-type" not in pattern:
            yield name, f"it takes {pattern}"
        for t in listed(p.get("Targets")):
            if not (t.get("DeadLetterConfig") or {}).get("Arn"):
                yield name, f"target {t.get('Id')} has no dead letters"


def rules_name_a_group(template):
    """A rule's target names a message group, by which SQS keeps one account's flood from the others"""
    for name, _, p in of_type(template, "AWS::Events::Rule"):
        for t in listed(p.get("Targets")):
            if not (t.get("SqsParameters") or {}).get("MessageGroupId"):
                yield name, f"target {t.get('Id')} has no message group"


def topics_are_encrypted(template):
    """Topics are encrypted at rest"""
    for name, _, p in of_type(template, "AWS::SNS::Topic"):
        if not p.get("KmsMasterKeyId"):
            yield name, "no encryption"


def alarms_tell_somebody(template):
    """Alarms have actions and don't ring when idle"""
    for name, _, p in of_type(template, "AWS::CloudWatch::Alarm"):
        if not list(listed(p.get("AlarmActions"))) or p.get("TreatMissingData") != "notBreaching":
            yield name, "tells nobody, or rings when idle"


ALL = [
    actions_are_named, resources_are_named, roles_are_own, queues_are_encrypted, queues_refuse_plain_http,
    queue_policies_name_their_source, queues_have_dead_letters, dead_letters_last, tables_are_safe, tables_expire,
    secrets_are_generated, functions_hold_no_secret, logs_expire, nothing_is_public, mappings_answer_for_each_message,
    messages_stay_hidden, rules_lose_nothing, rules_name_a_group, topics_are_encrypted, alarms_tell_somebody,
]
