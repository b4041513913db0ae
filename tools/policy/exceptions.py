"""What a rule would find and we mean so: (rule, resource, a text in the finding) to
the reason. One that no longer finds anything fails the check."""

EXCEPTIONS = {
    ("resources_are_named", "DispatchRole", ":secret:${EndpointSecretPrefix}*"):
        "Endpoints name secrets of their own later than the stack is made. The prefix bounds them, and a test keeps it from ending without a /.",
    ("resources_are_named", "RetryRole", ":secret:${EndpointSecretPrefix}*"):
        "As for DispatchRole.",
    ("queues_have_dead_letters", "RejectedQueue", "no dead letters"):
        "Nothing takes from it: a person reads it, and it is kept for 14 days itself.",
    ("secrets_are_generated", "SourcesSecret", "its value stands in the template"):
        "It holds no secret, only that there is no source yet; the operator puts the senders' secrets in.",
    ("nothing_is_public", "ReceiveFunctionUrl", "AuthType NONE"):
        "Senders can't sign for AWS: receive verifies their own signature before anything else.",
    ("nothing_is_public", "ReceiveFunctionUrlPublicPermissions", "lambda:InvokeFunctionUrl"):
        "As for ReceiveFunctionUrl. SAM adds it for AuthType NONE.",
    ("nothing_is_public", "ReceiveFunctionURLInvokeAllowPublicAccess", "lambda:InvokeFunction"):
        "As for ReceiveFunctionUrl; it holds for calls through the URL only (InvokedViaFunctionUrl).",
    ("roles_are_own", "FanOutRole", "pipes.amazonaws.com"):
        "A pipe's role, for this account's pipes only: no function has it, and it takes from the inbox and puts on one bus.",
    ("topics_are_encrypted", "AlarmTopic", "no encryption"):
        "Alarms may not publish to a topic under AWS's own key (alias/aws/sns), and they carry metric names, no customer's data.",
}
for _role in ("DispatchRole", "RetryRole", "ReceiveRole"):
    EXCEPTIONS["resources_are_named", _role, "SendTraces: *"] = "X-Ray's actions know no resources."
for _role in ("DispatchRole", "RetryRole"):
    EXCEPTIONS["resources_are_named", _role, "JoinVpc: *"] = (
        "Lambda asks for all of them when it joins a function to a VPC; only with SubnetIds, and denied to the function's own code."
    )
