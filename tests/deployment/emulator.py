"""The emulated AWS that the template is deployed to: ministack with IAM on, which also records what IAM decided.

ministack does not know `dynamodb:LeadingKeys`, which every role uses: here each request, and each part of a
transaction, carries the partition keys that it touches. It also forgets which permissions boundary CloudFormation gives a role.
It speaks no TLS here: requests count as if they came over TLS, but for those from PLAIN_CLIENT, which are to be refused.
What IAM allows and denies the others on DynamoDB and S3 is appended to the file that IAM_DECISIONS names, a line of JSON each.
When the file that KILL_WORKER_ONCE names is there, it is removed, and the worker of jobs is killed as it next writes a file.
"""

import contextvars
import json
import os
import re
from pathlib import Path

import ministack.app as app
import ministack.core.iam_actions as actions
import ministack.core.iam_evaluator as evaluator
import ministack.core.lambda_runtime as lambda_runtime
import ministack.services.cloudformation.provisioners as provisioners
import ministack.services.dynamodb as dynamodb
import ministack.services.iam as iam

LEADING_KEYS = "dynamodb:LeadingKeys"
# The address of a client whose requests came without TLS.
PLAIN_CLIENT = "127.0.0.2"
# Part of the names of the worker of jobs and of its role.
WORKER = "RunJob"

decisions = open(os.environ["IAM_DECISIONS"], "a", buffering=1)
parts_of_transaction = contextvars.ContextVar("parts_of_transaction", default=())


def partition_key(table, index=None):
    """The name of the attribute that partitions a table or an index."""
    definition = dynamodb._tables[table.rsplit("/", 1)[-1]]
    indexes = {index["IndexName"]: index for index in definition.get("GlobalSecondaryIndexes") or []}
    schema = (indexes[index] if index else definition)["KeySchema"]
    return next(key["AttributeName"] for key in schema if key["KeyType"] == "HASH")


def value(attribute):
    (text,) = attribute.values()
    return text


def leading_keys(request):
    """The partition keys that a request of DynamoDB touches, or a part of one."""
    if "RequestItems" in request:
        keys = ((partition_key(table), key) for table, of_table in request["RequestItems"].items() for key in of_table["Keys"])
        return [value(key[attribute]) for attribute, key in keys]
    attribute = partition_key(request["TableName"], request.get("IndexName"))
    for item in ("Key", "Item"):
        if item in request:
            return [value(request[item][attribute])]
    names, values = request.get("ExpressionAttributeNames") or {}, request["ExpressionAttributeValues"]
    for name, placeholder in re.findall(r"([#\w]+)\s*=\s*(:\w+)", request["KeyConditionExpression"]):
        if names.get(name, name) == attribute:
            return [value(values[placeholder])]
    raise ValueError(f"no partition in {request}")


OF_ITEMS = ("TableName", "RequestItems")
service_context = actions.dynamodb_service_context
transaction_checks = actions.dynamodb_transaction_checks
enforce = evaluator.enforce
role_handlers = provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"]


def context_with_leading_keys(body):
    context = service_context(body)
    try:
        request = json.loads(body or b"{}")
        keys = leading_keys(request) if any(name in request for name in OF_ITEMS) else []
    except (KeyError, TypeError, ValueError):
        return context
    return {**context, LEADING_KEYS: keys} if keys else context


def checks_with_leading_keys(action, body, region, account):
    checks = transaction_checks(action, body, region, account)
    if checks:
        items = [part for item in json.loads(body)["TransactItems"] for part in item.values()]
        parts_of_transaction.set(tuple(leading_keys(item) for item in items))
    return checks


def with_boundary(handler, properties_at):
    def handle(*arguments, **more):
        name, attributes = handler(*arguments, **more)
        iam._roles[name]["PermissionsBoundary"] = arguments[properties_at].get("PermissionsBoundary")
        return name, attributes

    return handle


def pin_origin(address, _):
    evaluator.pin_request_origin(address, address != PLAIN_CLIENT)


def kill_worker_once():
    kill = Path(os.environ["KILL_WORKER_ONCE"])
    if kill.exists():
        kill.unlink()
        for worker in [worker for pool in lambda_runtime._workers.values() for worker in pool]:
            if WORKER in worker.func_name and worker.in_use:
                worker._proc.kill()


def enforce_and_tell(access_key, action, service, region, resource_arn="*", service_context=None, **more):
    parts = parts_of_transaction.get()
    if service == "dynamodb" and parts and "dynamodb:EnclosingOperation" in (service_context or {}):
        service_context = {**service_context, LEADING_KEYS: parts[0]}
        parts_of_transaction.set(parts[1:])
    refusal = enforce(access_key, action, service, region, resource_arn=resource_arn, service_context=service_context, **more)
    if service in ("dynamodb", "s3") and evaluator._request_origin.get()[0] != PLAIN_CLIENT:
        principal = evaluator.resolve_principal(access_key, "000000000000")
        keys = (service_context or {}).get(LEADING_KEYS)
        who = getattr(principal, "arn", str(principal))
        decisions.write(json.dumps({"who": who, "action": action, "on": resource_arn, "keys": keys, "denied": bool(refusal)}) + "\n")
        if action == "s3:PutObject" and WORKER in who:
            kill_worker_once()
    return refusal


actions.dynamodb_service_context = context_with_leading_keys
actions.dynamodb_transaction_checks = checks_with_leading_keys
evaluator.enforce = enforce_and_tell
app.pin_request_origin = pin_origin
# Handlers are called with (logical id, properties, …) and with (physical id, old properties, new properties, …).
role_handlers["create"] = with_boundary(role_handlers["create"], properties_at=1)
role_handlers["update"] = with_boundary(role_handlers["update"], properties_at=2)

if __name__ == "__main__":
    app.main()
