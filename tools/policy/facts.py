"""What a translated template says, without its conditions: both branches of an
Fn::If count, so that no parameter can turn a bad one on unseen."""


def of_type(template, *kinds):
    for name, resource in sorted(template.get("Resources", {}).items()):
        if resource["Type"] in kinds:
            yield name, resource, resource.get("Properties", {})


def branches(value):
    """All values that a value may turn out as; AWS::NoValue is left out."""
    if isinstance(value, dict) and list(value) == ["Fn::If"]:
        for branch in value["Fn::If"][1:]:
            yield from branches(branch)
    elif value != {"Ref": "AWS::NoValue"} and value is not None:
        yield value


def listed(value):
    """What may be one thing or a list of them, each of which may be conditional."""
    for one in branches(value):
        if isinstance(one, list):
            for item in one:
                yield from branches(item)
        else:
            yield one


def target(value):
    """The resource that a Ref or a GetAtt names, else nothing."""
    if isinstance(value, dict):
        if "Ref" in value:
            return value["Ref"]
        if "Fn::GetAtt" in value:
            path = value["Fn::GetAtt"]
            return path[0] if isinstance(path, list) else path.split(".")[0]
    return None


def text(value):
    """A value in one line: itself, or the text of a Sub."""
    if isinstance(value, dict) and "Fn::Sub" in value:
        value = value["Fn::Sub"]
        value = value[0] if isinstance(value, list) else value
    return value if isinstance(value, str) else ""


def statements(document):
    return list(listed((document or {}).get("Statement")))


def most(template, value):
    """The largest number that a value may be: a parameter's MaxValue, say."""
    if isinstance(value, dict) and "Ref" in value:
        parameter = template.get("Parameters", {}).get(value["Ref"], {})
        return float(parameter.get("MaxValue", "inf"))
    return float(value)


def least(template, value):
    if isinstance(value, dict) and "Ref" in value:
        parameter = template.get("Parameters", {}).get(value["Ref"], {})
        return float(parameter.get("MinValue", "-inf"))
    return float(value)
