"""translate.py TEMPLATE: prints, as JSON, the CloudFormation that SAM makes of it.

It is what `sam deploy` has CloudFormation do, with the parameters' defaults, and
needs neither credentials nor a network. cfn-lint sees in the result what a SAM
template hides: the roles, permissions and event source mappings.
"""

import json
import os
import sys

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # the translator asks for one

from samcli.yamlhelper import yaml_parse  # knows !Sub, !GetAtt and the others
from samtranslator.public.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform


class NoManagedPolicies:
    """AWS's managed policies by name: the translator's own list is enough."""

    def load(self):
        return {}


def place_code(template):
    """Names a bucket wherever code is a local path, as packaging does."""
    for resource in template.get("Resources", {}).values():
        if resource.get("Type") == "AWS::Serverless::Function":
            resource.setdefault("Properties", {})["CodeUri"] = "s3://bucket/key"


def defaults(template):
    parameters = template.get("Parameters", {})
    return {name: p["Default"] for name, p in parameters.items() if "Default" in p}


def main(path):
    with open(path, encoding="utf-8") as source:
        template = yaml_parse(source.read())
    place_code(template)
    try:
        translated = transform(template, defaults(template), NoManagedPolicies())
    except InvalidDocumentException as invalid:
        causes = "\n".join(cause.message for cause in invalid.causes)
        sys.exit(f"{path}: {invalid.message}\n{causes}")
    json.dump(translated, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
