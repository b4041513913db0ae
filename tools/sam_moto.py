"""sam_moto.py: moto's server, with a CloudFormation that knows SAM.

What CloudFormation does on AWS for "Transform: AWS::Serverless-2016-10-31" is
done here by the same translator, aws-sam-translator. moto makes the resources;
of the types that it doesn't know, no more than a name is kept. The server
listens on a free loopback port, prints its URL, and ends with its standard input.
"""

import json
import os
import sys

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # the translator asks for one

from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import ChangeSet, CloudFormationBackend, Stack
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.common_models import CloudFormationModel
from moto.core.responses import ActionResult
from moto.server import ThreadedMotoServer
from samcli.yamlhelper import yaml_parse  # knows !Sub, !GetAtt and the others
from samtranslator.public.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform

S3 = "https://s3.us-east-1.amazonaws.com"  # as on AWS: sam delete takes no other address for it
server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
UNKNOWN_TO_MOTO = (
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::Lambda::Url",
    "AWS::S3::BucketPolicy",
    "AWS::SecretsManager::Secret",
    "AWS::SQS::QueuePolicy",
)
originals = {}  # by stack name: the template as it was sent


class NoManagedPolicies:
    """AWS's managed policies by name: the translator's own list is enough."""

    def load(self):
        return {}


def address():
    # moto takes a template's URL for one of S3's only when it says localhost.
    return f"http://localhost:{server.get_host_and_port()[1]}"


def translated(text, given):
    """The template as CloudFormation runs it; text itself when it is not SAM's."""
    template = yaml_parse(text)
    if template.get("Transform") != "AWS::Serverless-2016-10-31":
        return text
    parameters = {n: p["Default"] for n, p in template.get("Parameters", {}).items() if "Default" in p} | given
    try:
        template = transform(template, parameters, NoManagedPolicies())
    except InvalidDocumentException as invalid:
        causes = "; ".join(cause.message for cause in invalid.causes)
        raise ValidationError(message=f"{invalid.message} {causes}") from invalid
    conditions = template.get("Conditions", {})
    for section in "Resources", "Outputs":  # moto trips over updates of what isn't there
        template[section] = {
            name: item
            for name, item in template.get(section, {}).items()
            if "Condition" not in item or holds({"Condition": item["Condition"]}, conditions, parameters)
        }
    return json.dumps(template)


def holds(condition, conditions, parameters):
    """The value of a condition, or of what stands in one."""
    if not isinstance(condition, dict):
        return str(condition)
    ((function, argument),) = condition.items()
    if function == "Ref":
        return str(parameters[argument])
    if function == "Condition":
        return holds(conditions[argument], conditions, parameters)
    values = [holds(a, conditions, parameters) for a in argument]
    return {
        "Fn::Equals": lambda: values[0] == values[1],
        "Fn::Not": lambda: not values[0],
        "Fn::And": lambda: all(values),
        "Fn::Or": lambda: any(values),
    }[function]()


def apply(change_set):
    """Makes the stack of a new change set as create_stack does: moto's own apply
    leaves out the outputs."""
    stack = change_set.stack
    if change_set.change_set_type == "UPDATE":
        stack.update(change_set.template, change_set.role_arn, change_set.parameters, change_set.tags)
        return
    stack.template = change_set.template
    stack._parse_template()
    stack.resource_map = stack._create_resource_map()
    stack.output_map = stack._create_output_map()
    stack.create_resources()


def named_only(kind):
    """A resource of a type that moto doesn't make: it has a name, and that is all."""

    class Named(CloudFormationModel):
        __module__ = "moto.named"  # moto takes the service from it

        def __init__(self, name, region, account):
            self.physical_resource_id = f"arn:aws:none:{region}:{account}:{name}"

        @staticmethod
        def cloudformation_name_type():
            return ""

        @staticmethod
        def cloudformation_type():
            return kind

        @classmethod
        def has_cfn_attr(cls, attr):
            return True

        def get_cfn_attribute(self, attribute_name):
            return f"{self.physical_resource_id}:{attribute_name}"

        @classmethod
        def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **_):
            return cls(resource_name, region_name, account_id)

        @classmethod
        def update_from_cloudformation_json(cls, original_resource, **_):
            return original_resource

        @classmethod
        def delete_from_cloudformation_json(cls, *_):
            pass

    return Named


def translating(name_argument, method):
    def wrapped(self, *args, **kwargs):
        text = kwargs["template"].replace(address(), S3)
        originals[kwargs[name_argument]] = text
        kwargs["template"] = translated(text, kwargs.get("parameters") or {})
        return method(self, *args, **kwargs)

    return wrapped


def get_template(backend, name):
    return originals[backend.get_stack(name).name]


def has_parameters(stack, given):
    """Whether an update changes none; moto's own takes the defaults for a change."""
    return all(str(stack.stack_parameters.get(name)) == str(value) for name, value in given.items())


def describe_stack_resource(backend, stack_name, logical_resource_id):
    """moto's own trips over resources whose condition does not hold."""
    stack = backend.get_stack(stack_name)
    for resource in stack.stack_resources:
        if resource is not None and resource.logical_resource_id == logical_resource_id:
            return stack, resource
    raise ValidationError(stack_name, f"Resource {logical_resource_id} does not exist for stack {stack_name}")


def update_termination_protection(response):
    """Missing in moto; sam delete asks it of a stack that SAM makes for other uses."""
    stack = response.cloudformation_backend.get_stack(response._get_param("StackName"))
    stack.enable_termination_protection = response._get_bool_param("EnableTerminationProtection")
    return ActionResult({"StackId": stack.stack_id})


def main():
    ChangeSet.apply = apply
    Stack.has_parameters = has_parameters
    known = [named_only(kind) for kind in UNKNOWN_TO_MOTO]  # moto finds the subclasses by itself
    assert all(parsing.resource_class_from_type(model.cloudformation_type()) is model for model in known)
    backend = CloudFormationBackend
    backend.create_change_set = translating("stack_name", backend.create_change_set)
    backend.create_stack = translating("name", backend.create_stack)
    backend.get_template = get_template
    backend.describe_stack_resource = describe_stack_resource
    CloudFormationResponse.update_termination_protection = update_termination_protection
    server.start()
    print(f"listening on {address()}", flush=True)
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
