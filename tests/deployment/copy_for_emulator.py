"""Copies template.yaml in a form that ministack accepts: copy_for_emulator.py SOURCE TARGET.

Its CloudFormation refuses alarms on queries and ignores the document that SAM makes of the API's routes. So the copy lacks the
alarms with `Metrics`, and has each route again as resources. S3 has no host for each bucket there, so the functions get the
buckets' addresses as paths of the emulator's. This script checks that nothing else differs.
"""

import os
import re
import sys
from pathlib import Path

from awscli.customizations.cloudformation.yamlhelper import yaml_parse

# The addresses of buckets, on AWS and on the emulator.
BUCKET_URL = r"https://\$\{(\w+)\.RegionalDomainName\}"
EMULATED_BUCKET_URL = os.environ.get("AWS_ENDPOINT_URL", "http://127.0.0.1:4566") + r"/${\1}"

AUTHORIZER = """
  EmulatorAuthorizer:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties:
      ApiId: !Ref HttpApi
      Name: Jwt
      AuthorizerType: JWT
      IdentitySource: [$request.header.Authorization]
      JwtConfiguration: {Issuer: !Ref JwtIssuer, Audience: [!Ref JwtAudience]}
"""

INTEGRATION = """
  Emulator{name}Integration:
    Type: AWS::ApiGatewayV2::Integration{condition}
    Properties:
      ApiId: !Ref HttpApi
      IntegrationType: AWS_PROXY
      IntegrationUri: !Sub arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}:lambda:path/2015-03-31/functions/${{{function}.Arn}}/invocations
      PayloadFormatVersion: "2.0"
  Emulator{name}Route:
    Type: AWS::ApiGatewayV2::Route{condition}
    Properties:
      ApiId: !Ref HttpApi
      RouteKey: "{key}"
      Target: !Sub integrations/${{Emulator{name}Integration}}
{authorization}"""

AUTHORIZATION = """      AuthorizationType: JWT
      AuthorizerId: !Ref EmulatorAuthorizer
"""


def routes(resources):
    """Every route of a function: its resource name in the copy, its function and condition, its key, and whether it has the authorizer."""
    for function, resource in resources.items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        for event, definition in resource["Properties"].get("Events", {}).items():
            if definition["Type"] == "DynamoDB":
                continue
            assert definition["Type"] == "HttpApi", function
            properties = definition["Properties"]
            key = f"{properties['Method']} {properties['Path']}" if "Path" in properties else "$default"
            is_open = properties.get("Auth") == {"Authorizer": "NONE"}
            assert is_open or "Auth" not in properties, function
            yield f"{function}{event}", function, resource.get("Condition"), key, not is_open


def copied(text):
    resources = yaml_parse(text)["Resources"]
    queries = [name for name, resource in resources.items() if "Metrics" in resource.get("Properties", {})]
    for name in queries:
        assert resources[name]["Type"] == "AWS::CloudWatch::Alarm", name
        text, found = re.subn(rf"(?m)^  {name}:\n(?:(?:    .*)?\n)+", "", text)
        assert found == 1, name
    added = AUTHORIZER
    for name, function, condition, key, has_authorizer in routes(resources):
        added += INTEGRATION.format(
            name=name,
            function=function,
            key=key,
            condition=f"\n    Condition: {condition}" if condition else "",
            authorization=AUTHORIZATION if has_authorizer else "",
        )
    text = re.sub(BUCKET_URL, EMULATED_BUCKET_URL, text)
    text, found = re.subn(r"(?m)^Outputs:\n", lambda outputs: f"{added[1:]}\n{outputs[0]}", text)
    assert found == 1
    return text, queries


def check(original, copy, queries):
    """Checks that the copy only lacks the alarms on queries and only adds two resources per route and an authorizer."""
    before, after = yaml_parse(re.sub(BUCKET_URL, EMULATED_BUCKET_URL, original)), yaml_parse(copy)
    assert {**before, "Resources": 0} == {**after, "Resources": 0}
    before, after = before["Resources"], after["Resources"]
    assert before.keys() - after.keys() == set(queries)
    added = after.keys() - before.keys()
    expected = {"EmulatorAuthorizer"}
    for name, *_ in routes(before):
        expected |= {f"Emulator{name}Integration", f"Emulator{name}Route"}
    assert added == expected, added ^ expected
    assert all(before[name] == after[name] for name in before.keys() & after.keys())
    return f"without {', '.join(sorted(queries))}; {(len(added) - 1) // 2} routes said again"


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    original = source.read_text()
    copy, queries = copied(original)
    print(check(original, copy, queries))
    target.write_text(copy)
