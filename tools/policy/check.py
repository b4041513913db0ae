"""check.py TEMPLATE.json...: holds translated templates to our rules (rules.py), but
for the exceptions that have a reason (exceptions.py). Ours because no scanner is to be had
from a package registry: cfn-guard is not on PyPI, cdk-nag reads CDK apps only."""

import json
import sys

from exceptions import EXCEPTIONS
from rules import ALL


def findings(template):
    """All that the rules find and no exception explains; and the exceptions used."""
    found, used = [], set()
    for rule in ALL:
        for resource, what in rule(template):
            key = next((k for k in EXCEPTIONS if k[0] == rule.__name__ and k[1] == resource and k[2] in what), None)
            if key:
                used.add(key)
            else:
                found.append((rule.__name__, resource, what))
    return found, used


def main(paths):
    faults, used = 0, set()
    for path in paths:
        with open(path, encoding="utf-8") as source:
            template = json.load(source)
        found, excused = findings(template)
        used |= excused
        for rule, resource, what in found:
            print(f"{path}: {resource}: {what}  [{rule}]")
        faults += len(found)
    for key in set(EXCEPTIONS) - used:
        print(f"exceptions.py: {key} finds nothing any more: take it out")
        faults += 1
    print(f"policy: {len(ALL)} rules over {len(paths)} templates, {faults} findings, {len(used)} exceptions:")
    for rule, resource, what in sorted(used):
        print(f"  {resource}: {what} [{rule}]\n    {EXCEPTIONS[rule, resource, what]}")
    return 1 if faults else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
