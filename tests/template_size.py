"""Whether a stack would hold 70 functions.

CloudFormation takes 500 resources a stack and a template of 1 MB, counted after SAM's transform. Counts what template.yaml becomes
with its functions and without, and from that what it would be with 70.
"""

import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform


def transformed(without_functions):
    template = yaml_parse(Path("template.yaml").read_text())
    resources = template["Resources"]
    functions = [name for name in resources if resources[name]["Type"] == "AWS::Serverless::Function"]
    for name in functions:
        # The transform takes no path of this machine.
        resources[name]["Properties"]["CodeUri"] = "s3://bucket/function"
        if without_functions and name != functions[0]:
            del resources[name]
    if without_functions:
        resources["HttpApi"]["Properties"].pop("RouteSettings")
        for name in ("RebuildStatisticsFunctionName", "RunJobFunctionName"):
            template["Outputs"].pop(name)
        resources.pop("WaitingJobsAlarm")
    result = transform(template, {}, SimpleNamespace(load=dict))
    return len(functions), result["Resources"], len(json.dumps(result))


count, resources, size = transformed(without_functions=False)
_, rest, size_of_rest = transformed(without_functions=True)
kinds = Counter(resource["Type"] for resource in resources.values())
print(f"{len(resources)} resources, {size} bytes:", ", ".join(f"{of_kind} {kind}" for kind, of_kind in kinds.most_common()))
of_70 = len(rest) + (len(resources) - len(rest)) / (count - 1) * 69
size_of_70 = size_of_rest + (size - size_of_rest) / (count - 1) * 69
print(f"with 70 functions: {of_70:.0f} resources of 500, {size_of_70:.0f} bytes of 1000000")
assert of_70 <= 500 and size_of_70 <= 1_000_000, "70 functions do not fit into a stack: split it"
