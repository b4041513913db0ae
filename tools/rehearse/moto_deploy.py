"""moto_deploy.py: CloudFormation, played by moto's in this process (with the types of
moto_types.py). Each line of stdin asks for one deployment, and one line of stdout answers:

  {"stack": NAME, "directory": where template.json is, "parameters": {...}}
  {"parameters": {...}, "outputs": {...}, "resources": [in the order in which they are made:
      {"logical", "type", "properties": resolved, "ref", "arn", "value": of a secret,
       "stack": of a nested one, as the whole}]}
  {"error": what is wrong}

A NAME that has been deployed is updated: what exists keeps its names. "settings": true
checks the parameters alone. moto passes over much that CloudFormation refuses: what
breaks a parameter's constraints or a rule, an unknown function or type, a reference to
what is not made. All of these are errors here."""

import io
import json
import os
import pathlib
import re
import sys
import warnings
import zipfile

os.environ.update(AWS_DEFAULT_REGION="us-east-1", AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")
warnings.simplefilter("ignore")

import boto3  # noqa: E402
import moto_types  # noqa: E402
from moto import mock_aws  # noqa: E402
from moto.cloudformation import parsing  # noqa: E402

ACCOUNT, REGION = "123456789012", "us-east-1"
VALUES = {"Fn::" + name for name in ("FindInMap", "GetAtt", "If", "Join", "Split", "Select", "Sub")}
TRUTHS = {"Fn::" + name for name in ("Equals", "Not", "And", "Or", "Contains")}


class Refused(Exception):
    """What CloudFormation would not deploy."""


def scalar(value):
    """A value as CloudFormation hands it on: text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def broken(p, value):
    """What a parameter's constraints say against a value."""
    if "AllowedValues" in p and value not in map(scalar, p["AllowedValues"]):
        yield f"{value!r} is not among {p['AllowedValues']}"
    if not re.fullmatch(p.get("AllowedPattern", ".*"), value, re.DOTALL):
        yield f"{value!r} does not match {p['AllowedPattern']}"
    if not int(p.get("MinLength", 0)) <= len(value) <= int(p.get("MaxLength", 4096)):
        yield f"{value!r} is too short or too long"
    if p["Type"] == "Number":
        try:
            number = float(value)
        except ValueError:
            yield f"{value!r} is no number"
            return
        if not float(p.get("MinValue", "-inf")) <= number <= float(p.get("MaxValue", "inf")):
            yield f"{value} is out of bounds"


def settings(template, given):
    """The value of each parameter, as text."""
    stated = template.get("Parameters", {})
    values = {name: scalar(given.get(name, p.get("Default"))) for name, p in stated.items() if name in given or "Default" in p}
    faults = [f"parameter {name}: the template has none of this name" for name in given if name not in stated]
    faults += [f"parameter {name} has no value" for name in stated if name not in values]
    faults += [f"parameter {name}: {fault}" for name in values for fault in broken(stated[name], values[name])]
    if faults:
        raise Refused("; ".join(faults))
    return values


def functions(value):
    """All functions that a part of a template calls."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    found = {name for name in value if name.startswith("Fn::")} if isinstance(value, dict) else set()
    return found.union(*map(functions, inner))


def comparing_texts(value):
    """CloudFormation compares and looks up texts; moto a number with a text."""

    def text(v):
        return {"Fn::Join": ["", [scalar(v) if isinstance(v, bool) else comparing_texts(v)]]}

    if isinstance(value, list):
        return [comparing_texts(v) for v in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Equals" in value:
        return {"Fn::Equals": [text(v) for v in value["Fn::Equals"]]}
    if "Fn::FindInMap" in value:
        table, *keys = value["Fn::FindInMap"]
        return {"Fn::FindInMap": [table, *map(text, keys)]}
    return {k: comparing_texts(v) for k, v in value.items()}


class Resources(parsing.ResourceMap):
    """moto's, which makes resources as they are referred to."""

    def __getitem__(self, key):
        try:
            value = super().__getitem__(key)
        except Refused:
            raise
        except RecursionError:
            raise Refused(f"{key} depends on itself") from None
        except KeyError as missing:
            at = f"{key} ({self._resource_json_map[key]['Type']}): " if key in self._resource_json_map else ""
            raise Refused(f"{at}there is no {missing.args[0]}") from None
        except Exception as fault:
            raise Refused(f"{key} ({self._resource_json_map[key]['Type']}): {fault}") from fault
        if value is None and key != "AWS::NoValue":
            raise Refused(f"{key} ({self._resource_json_map[key]['Type']}): it is not made here, or moto does not know its type")
        return value

    def holds(self, thing):
        return "Condition" not in thing or self.lazy_condition_map[thing["Condition"]]

    def create_all(self, existing):
        """Makes what is wanted and does not exist, and lists all in order."""
        wanted = [n for n in self._ResourceMap__get_resources_in_dependency_order() if self.holds(self._resource_json_map[n])]
        self._parsed_resources.update({n: existing[n] for n in existing if n in wanted})
        for name in wanted:
            self[name]
        return [n for n in self._parsed_resources if n in wanted]

    def resolve(self, value):
        value = moto_types.without_nothing(parsing.clean_json(value, self))
        if functions(value):
            raise Refused(f"moto cannot resolve {functions(value)}")
        return value

    def rules(self):
        for name, rule in self._template.get("Rules", {}).items():
            if "RuleCondition" in rule and not self.truth(rule["RuleCondition"]):
                continue
            for one in rule["Assertions"]:
                if not self.truth(one["Assert"]):
                    raise Refused(f"rule {name}: {one['AssertDescription']}")

    def truth(self, assertion):
        (name, values), = assertion.items()
        if name in ("Fn::Not", "Fn::And", "Fn::Or"):
            truths = [self.truth(v) for v in values]
            return {"Fn::Not": not truths[0], "Fn::And": all(truths), "Fn::Or": any(truths)}[name]
        left, right = self.resolve(values[0]), scalar(self.resolve(values[1]))
        return scalar(left) == right if name == "Fn::Equals" else right in map(scalar, left)


class Deployment:
    """A stack and those within it."""

    def __init__(self, name):
        self.name, self.resources, self.order = name, None, []

    def apply(self, directory, file, given, only_settings=False):
        path = directory / f"{file.removesuffix('.yaml')}.json"
        self.template = template = comparing_texts(json.loads(path.read_text(encoding="utf-8")))
        unknown = functions(template) - VALUES - TRUTHS
        if unknown:
            raise Refused(f"functions that the rehearsal does not know: {unknown}")
        self.parameters = settings(template, given)
        identity = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{self.name}/1"
        fresh = Resources(identity, self.name, self.parameters, {}, REGION, ACCOUNT, template, {})
        fresh.load()
        fresh.rules()
        if only_settings:
            return
        existing = {n: self.resources[n] for n in self.order}
        DIRECTORY[:] = [directory]
        self.order, self.resources = fresh.create_all(existing), fresh
        for name in self.order:
            if name in existing and hasattr(existing[name], "stack"):
                nested(existing[name], self.properties(name))
        self.outputs = {n: fresh.resolve(o["Value"]) for n, o in template.get("Outputs", {}).items() if fresh.holds(o)}

    def properties(self, name):
        return self.resources.resolve(self.template["Resources"][name].get("Properties", {}))

    def describe(self, name):
        made = self.resources[name]
        try:
            arn = made.get_cfn_attribute("Arn")
        except Exception:  # it has none; each type says so in its own way
            arn = ""
        return {
            "logical": name, "type": self.template["Resources"][name]["Type"], "properties": self.properties(name),
            "ref": getattr(made, "physical_resource_id", name), "arn": arn, "value": getattr(made, "value", ""),
            "stack": made.stack.report() if hasattr(made, "stack") else None,
        }

    def report(self):
        return {"parameters": self.parameters, "outputs": self.outputs, "resources": [self.describe(n) for n in self.order]}


DIRECTORY = []  # of the templates that are being deployed
STACKS = {}


def nested(made, p):
    made.stack.apply(DIRECTORY[0], p["TemplateURL"], p.get("Parameters", {}))
    made.attributes = {f"Outputs.{n}": value for n, value in made.stack.outputs.items()}
    return made


@moto_types.knows("AWS::CloudFormation::Stack")
def stack(name, p):
    made = moto_types.Made(f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{name}/1")
    made.stack = Deployment(name)
    return nested(made, p)


def code():
    """Where every function's code is said to be (tools/translate.py)."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr("bootstrap", "")
    boto3.client("s3").create_bucket(Bucket="bucket")
    boto3.client("s3").put_object(Bucket="bucket", Key="key", Body=archive.getvalue())


def answer(request):
    try:
        deployment = STACKS.setdefault(request["stack"], Deployment(request["stack"]))
        only = request.get("settings", False)
        deployment.apply(pathlib.Path(request["directory"]), "template", request["parameters"] or {}, only)
        return {} if only else deployment.report()
    except Exception as refused:
        return {"error": str(refused) or repr(refused)}


@mock_aws
def main():
    code()
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
