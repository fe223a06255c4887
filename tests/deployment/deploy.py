"""Deploys template.yaml to an emulated AWS with IAM on, by the commands of docs/operations.md, and sends requests through its gateway.

The functions are those in target/lambda. `sam`, `schemathesis` and `python` with the generated client are on the PATH as in
.ci/run; this script runs in the emulator's own environment. It fails if anything answers 5xx or IAM refuses anything.
"""

import collections
import concurrent.futures
import contextlib
import hashlib
import http.client
import itertools
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import boto3
from guide import Guide

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
# The client, schemathesis and SAM have an environment of their own.
TOOLS = ROOT / "target/python/bin"
PROFILE = "customers/acme/profiles/support"
# Where the erasures of people lie.
OF_ERASURES = "customers/acme/profiles/-"
USERS = "customers/acme/users"
OF_PAGING = {"pageSize", "pageToken"}
# The address from which requests count as sent without TLS (emulator.py).
PLAIN_CLIENT = "127.0.0.2"
# The number of concurrent requests for lists.
AT_ONCE = 4

began = last = time.monotonic()


def told(what):
    global last
    now = time.monotonic()
    print(f"[{now - began:4.0f} s, {now - last:4.0f} s] {what}", flush=True)
    last = now


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(ready, process, log):
    while not ready():
        if process.poll() is not None:
            raise SystemExit(log.read_text())
        time.sleep(0.2)


@contextlib.contextmanager
def started(command, log, environment, ready):
    with log.open("w") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: ready(process), process, log)
        yield process
    finally:
        process.terminate()
        process.wait()


def answers(url):
    def ready(_):
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    return ready


class Gateway:
    """The deployed API, and its answers so far."""

    def __init__(self, url):
        self.url = url
        self.tokens = {}
        self.answered = collections.Counter()
        self.problems = []

    def send(self, method, path, user, body=None, query=""):
        headers = {"content-type": "application/json"} if body is not None else {}
        if user:
            headers["authorization"] = f"Bearer {self.tokens[user]}"
        path = urllib.parse.quote(path, safe="/:@~%")
        request = urllib.request.Request(
            f"{self.url}{path}{'?' + query if query else ''}",
            method=method,
            data=None if body is None else body.encode(),
            headers=headers,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        self.answered[status] += 1
        if status >= 500:
            self.problems.append(f"{status} {method} {path}?{query} {body} by {user}: {text[:300]}")
        return status, text

    def succeed(self, method, path, user, body):
        status, text = self.send(method, f"/v1/{path}", user, json.dumps(body))
        assert status == 200, (path, status, text)
        return json.loads(text)


def events(function):
    for path in sorted((ROOT / "events" / function).glob("*.json")):
        yield path.stem, json.loads(path.read_text())


def said(event):
    """The parameters of an event's request, or the fields of its body."""
    if isinstance(event.get("body"), str):
        try:
            return json.loads(event["body"])
        except ValueError:
            return {}
    return dict(pair.partition("=")[::2] for pair in (event.get("rawQueryString") or "").split("&") if pair)


def send_event(gateway, event):
    """Sends the request of an event, if it is of the customer and its caller has a token here."""
    claims = event["requestContext"].get("authorizer", {}).get("jwt", {}).get("claims", {})
    user = {"manager": "maria", "agent": "ana", "admin": "boss", "service": "importer"}.get(claims.get("role"))
    if event.get("isBase64Encoded") or (claims and claims.get("customer") != "acme"):
        return None
    http = event["requestContext"]["http"]
    return gateway.send(http["method"], http["path"], user, event.get("body"), event.get("rawQueryString") or "")


def filters():
    """The filters of every list that the document names, by its method and path; and those that a request must have."""
    document = json.loads((ROOT / "openapi.json").read_text())

    def resolved(value):
        while "$ref" in value:
            place = value["$ref"].removeprefix("#/").split("/")
            value = document
            for key in place:
                value = value[key]
        return value

    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            parameters = [resolved(parameter) for parameter in operation.get("parameters", [])]
            parameters = [parameter for parameter in parameters if parameter["in"] == "query"]
            names = {parameter["name"] for parameter in parameters}
            required = {parameter["name"] for parameter in parameters if parameter["required"]}
            content = operation.get("requestBody", {}).get("content", {})
            body = resolved(content["application/json"]["schema"]) if content else {}
            names |= body.get("properties", {}).keys()
            required |= set(body.get("required", []))
            if "pageToken" in names:
                yield (method.upper(), path), names - OF_PAGING, required


def events_of(method, path):
    """The events of a method of the document; the custom methods of an item share a route."""
    item, of_item, verb = path.partition("}:")
    for file in sorted((ROOT / "events").glob("*/*.json")):
        event = json.loads(file.read_text())
        if event.get("routeKey") == f"{method} {item}{of_item[:1]}" and event["rawPath"].endswith(f":{verb}" if verb else ""):
            yield event


def ask(gateway, event, user, all_said):
    http = event["requestContext"]["http"]
    if isinstance(event.get("body"), str):
        return gateway.send(http["method"], http["path"], user, json.dumps(all_said))
    return gateway.send(http["method"], http["path"], user, query="&".join(f"{name}={value}" for name, value in all_said.items()))


def with_filters_alone_and_in_pairs(gateway):
    """Sends every list with every filter alone and with every pair, taken from the successful events with one filter."""
    asked = 0
    for called, names, required in filters():
        alone = {}
        for event in events_of(*called):
            fields = said(event)
            for name in names - alone.keys():
                if fields.keys() - OF_PAGING == required | {name} and ask(gateway, event, "maria", fields)[0] == 200:
                    alone[name] = event
        if alone.keys() != names:
            gateway.problems.append(f"{called}: no event has {names - alone.keys()} alone and succeeds")
        chosen = [(name,) for name in alone] + list(itertools.combinations(sorted(alone), 2))

        def ask_for(combination, user):
            all_said = {key: value for name in combination for key, value in said(alone[name]).items()}
            return combination, user, *ask(gateway, alone[combination[0]], user, all_said)

        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            requests = [pool.submit(ask_for, *both) for both in itertools.product(chosen, ("maria", "ana"))]
        for combination, user, status, text in (request.result() for request in requests):
            if status != 200 and (user, status) != ("ana", 403):
                gateway.problems.append(f"{status} {called} {combination} by {user}: {text[:300]}")
        asked += len(requests)
    return asked


def each_function_succeeds(gateway):
    """Sends every event of every function; at least one of each function must succeed."""
    sent, without = 0, []
    # Deletions come last, and of these the plan with its children.
    order = lambda folder: (folder.name.startswith("delete-"), folder.name == "delete-plan", folder.name)
    for folder in sorted((ROOT / "events").iterdir(), key=order):
        statuses = []
        for _, event in events(folder.name):
            if "requestContext" in event and (answer := send_event(gateway, event)):
                statuses.append(answer[0])
        sent += len(statuses)
        wanted = 404 if folder.name == "unknown-path" else 200
        if wanted not in statuses and folder.name not in ("rebuild-statistics", "run-job"):
            without.append((folder.name, statuses))
    if without:
        gateway.problems.append(f"no event of these succeeds: {without}")
    return sent


def copy_items(environment_of_service, table):
    """Copies the demo data into the deployed table, with only the first ten scorecards of each agent: a list that passes
    over thousands takes the emulator longer than a request may."""
    pairs = (line.removeprefix("export ").split("=", 1) for line in environment_of_service.read_text().splitlines() if "=" in line)
    of_demo = {name: value.strip("'\"") for name, value in pairs}
    source = boto3.client(
        "dynamodb",
        endpoint_url=of_demo["AWS_ENDPOINT_URL_DYNAMODB"],
        aws_access_key_id=of_demo["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=of_demo["AWS_SECRET_ACCESS_KEY"],
    )
    target = boto3.client("dynamodb")
    copied = 0
    for page in source.get_paginator("scan").paginate(TableName=of_demo["TABLE_NAME"]):
        items = [item for item in page["Items"] if not re.search(r"#scorecard#.*-[1-9]\d+$", item["PK"]["S"])]
        for start in range(0, len(items), 25):
            batch = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
            assert not target.batch_write_item(RequestItems={table: batch})["UnprocessedItems"]
            copied += len(batch)
    return copied


def more_records(gateway):
    """Creates the records that events name and the demo does not have."""
    below = lambda collection, id: f"{PROFILE}/{collection}/{id}"
    care, quality, plan = below("usecases", "care"), below("scorecardTemplates", "quality"), below("coachingPlans", "ana-plan")
    ana, maria = f"{USERS}/ana", f"{USERS}/maria"
    person = {"isActive": True, "profileNames": [PROFILE]}
    gateway.succeed("POST", "customers/acme/users:batchUpsert", "importer", {"users": [
        {"name": ana, "displayName": "Ana", "roles": ["agent"], **person},
        {"name": f"{USERS}/ben", "displayName": "Ben", "roles": ["agent"], **person},
        {"name": maria, "displayName": "Maria", "roles": ["manager"], **person},
    ]})
    gateway.succeed("POST", "customers/acme/groups:batchUpsert", "importer", {"groups": [
        {"name": "customers/acme/groups/team", "displayName": "Team", "memberUserNames": [ana, f"{USERS}/ben"]},
    ]})
    scores = [{"criterionId": "greeting", "numericValue": 3}]
    wanted = [
        ("coachingPlans", {"name": below("coachingPlans", "ben-plan"), "agentUserName": f"{USERS}/ben", "creatorUserName": maria,
                           "isActive": True, "displayName": "Ben", "usecaseName": care}),
        ("targets", {"name": below("targets", "greeting-target"), "scorecardTemplateName": quality,
                     "criterionOrChapterId": "greeting", "target": 80, "usecaseName": care}),
        *(("scorecards", {"name": below("scorecards", id), "conversationName": below("conversations", "call"), "agentUserName": ana,
                          "templateName": quality, "scores": scores, "createTime": "2026-05-20T09:00:00Z", **more})
          for id, more in [("draft-1", {}), ("submitted-1", {"submitTime": "2026-05-20T10:00:00Z"})]),
        *(("coachingSessions", {"name": below("coachingSessions", id), "agentUserName": ana, "creatorUserName": maria,
                                "coachingPlanName": plan, **more})
          for id, more in [
              ("scheduled-1", {"sessionTime": "2099-06-08T10:00:00Z"}),
              ("held-1", {"sessionTime": "2026-05-25T10:00:00Z", "meetingNotes": "Two calls."}),
              ("submitted-1", {"sessionTime": "2026-05-18T10:00:00Z", "meetingNotes": "One call.", "managerSubmitTime": "2026-05-18T11:00:00Z"}),
          ]),
        ("coachingComments", {"name": below("coachingComments", "first"), "coachingPlanName": plan, "creatorUserName": maria, "message": "Well done."}),
    ]
    for collection, record in wanted:
        user = "importer" if "createTime" in record or "managerSubmitTime" in record else "maria"
        status, text = gateway.send("POST", f"/v1/{PROFILE}/{collection}", user, json.dumps(record))
        # The demo may have it already, or have the organisation's target under another name.
        assert status in (200, 409), (record, status, text)


def unfinished_jobs(gateway):
    jobs = []
    for profile, user in ((PROFILE, "maria"), (OF_ERASURES, "boss")):
        status, text = gateway.send("GET", f"/v1/{profile}/jobs", user, query="pageSize=1000")
        assert status == 200, text
        jobs += json.loads(text)["jobs"]
    return [job for job in jobs if job["state"] in ("PENDING", "RUNNING", "CANCELLING")]


def wait_for_jobs(gateway):
    deadline = time.monotonic() + 240
    while jobs := unfinished_jobs(gateway):
        assert time.monotonic() < deadline, f"jobs wait: {jobs}"
        time.sleep(1)


def status_of(url, client):
    """The status that a client with this address gets at `url`."""
    url = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(url.netloc, source_address=(client, 0))
    connection.request("GET", f"{url.path}?{url.query}")
    status = connection.getresponse().status
    connection.close()
    return status


def a_job_is_done(gateway, decided, table, kill):
    """Starts an export by a job, which the table's stream wakes, and whose worker is killed as it writes its file; reads the file that the next attempt writes."""
    [mapping] = boto3.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    [pattern] = mapping["FilterCriteria"]["Filters"]
    assert pattern["Pattern"] in (ROOT / "template.yaml").read_text(), mapping
    wait_for_jobs(gateway)
    kill.touch()
    body = {"startTime": "2020-01-01T00:00:00Z", "endTime": "2030-01-01T00:00:00Z", "asJob": True, "includeDeactivatedUsers": True}
    name = gateway.succeed("POST", f"{PROFILE}/scorecards:export", "maria", body)["job"]
    wait_for_jobs(gateway)
    assert not kill.exists(), "nobody was killed"
    status, text = gateway.send("GET", f"/v1/{name}", "maria")
    assert status == 200, text
    job = json.loads(text)["job"]
    assert job["state"] == "SUCCEEDED", job
    item = boto3.client("dynamodb").get_item(TableName=table, Key={"PK": {"S": f"acme#support#job#{name.split('/')[-1]}"}, "SK": {"S": "job"}})["Item"]
    assert (item["turn"], item["attempt"]) == ({"N": "0"}, {"N": "2"}), item

    [file] = job["results"]
    path = file["uri"].partition("?")[0]
    assert path.endswith("/0-2-0.csv"), f"the second attempt at the first turn writes it: {path}"
    with urllib.request.urlopen(file["uri"]) as answer:
        content = answer.read()
    assert hashlib.sha256(content).hexdigest() == file["sha256"], file
    assert content.decode("utf-8-sig").startswith("scorecard_name,"), content[:100]
    assert file["rowCount"] > 0, "nothing was exported"
    for url, client in ((path, "127.0.0.1"), (file["uri"], PLAIN_CLIENT)):
        assert status_of(url, client) == 403, f"without a signature, or without TLS: {url} from {client}"

    # What an erasure removes is not of this job.
    of_job = [decision for decision in decisions_of_functions(decided) if name.split("/")[-1] in decision["on"] and not decision["denied"]]
    of_s3 = [decision for decision in of_job if decision["action"].startswith("s3:")]
    does = {(decision["action"], decision["who"].split("/")[1].split("-")[1]) for decision in of_s3}
    assert does == {("s3:PutObject", "RunJobFunctionRole"), ("s3:GetObject", "GetJobFunctionRole")}, does
    return file["rowCount"]


def decisions_of_functions(path):
    decisions = [json.loads(line) for line in path.read_text().splitlines()]
    return [decision for decision in decisions if ":assumed-role/" in decision["who"]]


def tool(gateway, name, *arguments, **environment):
    done = subprocess.run([TOOLS / name, *arguments], cwd=ROOT, env={**os.environ, **environment})
    if done.returncode:
        gateway.problems.append(f"{name} ends with {done.returncode}")


def keys_of_deployer():
    """The credentials of a user with exactly the rights that the guide says a deployer needs."""
    iam = boto3.client("iam")
    iam.create_user(UserName="deployer")
    policy = (ROOT / "docs/deployer-policy.json").read_text()
    iam.put_user_policy(UserName="deployer", PolicyName="deployer", PolicyDocument=policy)
    key = iam.create_access_key(UserName="deployer")["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


def sam(folder, keys, *arguments):
    command = ["sam", *arguments]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **keys}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    # SAM exits with 0 if it cannot read a stack.
    assert done.returncode == 0 and "AccessDenied" not in done.stdout, f"{command}: {done.stdout}"


def main():
    with tempfile.TemporaryDirectory(prefix="deployment-") as folder:
        in_folder(Path(folder))


def in_folder(folder):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    # Variables of the shell for another AWS or another DynamoDB would reach the emulator and its functions.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_DEFAULT_REGION="us-east-1",
        AWS_ENDPOINT_URL=url,
        AWS_PAGER="",
        SAM_CLI_TELEMETRY="0",
        PATH=f"{Path(sys.executable).parent}:{TOOLS}:{os.environ['PATH']}",
    )
    (folder / "target").mkdir()
    (folder / "target/lambda").symlink_to(os.environ.get("FUNCTIONS", ROOT / "target/lambda"))
    (folder / "samconfig.toml").symlink_to(ROOT / "samconfig.toml")
    decided = folder / "decisions"
    emulated = {
        **os.environ, "AUTH": "true", "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "IOT_MTLS_ENABLED": "0",
        "IAM_DECISIONS": str(decided), "KILL_WORKER_ONCE": str(folder / "kill"), "LAMBDA_ACCOUNT_CONCURRENCY": "1000",
    }
    emulator = [sys.executable, HERE / "emulator.py"]
    with started(emulator, folder / "emulator.log", emulated, answers(f"{url}/_ministack/health")):
        told("the emulator is up")
        try:
            of_emulator(folder, url, decided)
        except BaseException:
            print((folder / "emulator.log").read_text()[-6000:])
            raise


def take(template, folder):
    """Writes the copy of `template` into the folder, and returns how it differs."""
    source = folder / "original.yaml"
    source.write_text(template)
    copy = [sys.executable, HERE / "copy_for_emulator.py", source, folder / "template.yaml"]
    return subprocess.run(copy, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def of_emulator(folder, url, decided):
    guide = Guide(folder, dict(os.environ))
    architecture = ("Architecture=arm64", "Architecture=x86_64")

    # The identity provider.
    (folder / "trigger.py").write_text(guide.block("def handler", language="python"))
    guide.run("create-user-pool-client")
    people = {"importer": "service", "boss": "admin", "maria": "manager", "ana": "agent"}
    tokens = {}
    for user, role in people.items():
        guide.run("admin-set-user-password", [("USERNAME=importer", f"USERNAME={user}"), ("custom:role,Value=service", f"custom:role,Value={role}")])
        tokens[user] = guide["TOKEN"]
    told(f"pool, trigger, client, {len(tokens)} users and their tokens, by the guide")

    # A deployment without built functions must fail.
    (folder / "target/lambda").rename(folder / "target/elsewhere")
    take((ROOT / "template.yaml").read_text(), folder)
    deploy = ["sam", "deploy", "--parameter-overrides", f"JwtIssuer={guide['ISSUER']} JwtAudience={guide['AUDIENCE']}"]
    for command in (["sam", "build"], deploy):
        done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode and "does not exist" in done.stdout, done.stdout
    (folder / "target/elsewhere").rename(folder / "target/lambda")
    told("sam build and sam deploy with nothing built end with an error")

    # Deploys the previous version, if this checkout has it, and updates it to this one.
    before = subprocess.run(["git", "show", "HEAD~1:template.yaml"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if before.returncode == 0:
        told("of the commit before: " + take(before.stdout, folder))
        guide.run("UserClaim=username", [architecture, (" UserClaim=username", "")])
        told("the template of the commit before is deployed")
    else:
        told("skipped: this checkout has no commit before")
    told("of this commit: " + take((ROOT / "template.yaml").read_text(), folder))
    guide.run("UserClaim=username", [architecture])
    told("the template is deployed" + (", as an update" if before.returncode == 0 else ""))

    # First requests.
    api = boto3.client("apigatewayv2").get_apis()["Items"][0]["ApiId"]
    gateway = Gateway(f"{url}/_aws/execute-api/{api}/$default")
    gateway.tokens = tokens
    guide.environment["TOKEN"] = tokens["importer"]
    # Ordinary resolvers do not know the name that the emulator gives the API.
    address = ("API=$(", f"API='{gateway.url}' ADDRESS=$(")
    printed = guide.run("/v1/nowhere", [address])
    for expected in ('{"message":"Unauthorized"}', "PATH_NOT_FOUND", '"displayName":"Ana"'):
        assert expected in printed.replace('": "', '":"'), f"{expected} is not in {printed}"
    told("the first requests, by the guide")
    guide.run("TABLE=$(output TableName)")
    own_table = guide["TABLE"]
    copied = copy_demo(folder, own_table)
    told(f"{copied} items of the demo are in the table")
    more_records(gateway)

    asked = with_filters_alone_and_in_pairs(gateway)
    told(f"{asked} requests with every filter of every list, alone and in pairs")
    tool(
        gateway, "python", "tests/generated_client.py", PYTHONPATH="target/client", COACHING_URL=gateway.url,
        MANAGER_TOKEN=tokens["maria"], AGENT_TOKEN=tokens["ana"], ADMIN_TOKEN=tokens["boss"],
    )
    told("the generated client")
    # Some of these delete records that the client needs.
    sent = each_function_succeeds(gateway)
    told(f"{sent} events, one at least of each function answered as it should be")
    rows = a_job_is_done(gateway, decided, own_table, folder / "kill")
    told(f"a job that the stream woke, and whose worker was killed once, wrote {rows} rows into the bucket; its link reads them")
    # The function's answer comes first, then the CLI's output about the invocation.
    rebuilt, _ = json.JSONDecoder().raw_decode(guide.run('--function-name "$REBUILD"'))
    assert rebuilt["done"] is True, rebuilt
    told("a recount, by the guide")

    tool(
        gateway, "schemathesis", "--config-file", "tests/schemathesis.toml", "run", "--no-color", "--phases", "examples,fuzzing",
        "--max-examples", "2", "--url", gateway.url, "--header", f"Authorization: Bearer {tokens['boss']}", "openapi.json", PYTHONPATH="tests",
    )
    told("schemathesis, in a short form")

    # The rotation of the secret, a restoration, and the deployments after it.
    guide.run("put-secret-value")
    guide.run("PreviousPageTokens=refused")
    told("the page token secret is changed, by the guide")
    guide.run("restore-table-to-point-in-time", MOMENT=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    guide.run("update-continuous-backups")
    deployer = keys_of_deployer()
    sam(folder, deployer, "deploy")
    guide.run("TABLE=$(output TableName)")
    assert guide["TABLE"] == "coaching-restored", guide["TABLE"]
    status, text = gateway.send("GET", f"/v1/{PROFILE}/coachingSessions", "maria")
    assert status == 200, text
    told("restored by the guide, and a plain deployment, with the deployer's rights alone, keeps the restored table")

    check_iam(decided, gateway)

    tables = set(boto3.client("dynamodb").list_tables()["TableNames"])
    sam(folder, deployer, "delete", "--no-prompts", "--region", "us-east-1")
    stacks = boto3.client("cloudformation").list_stacks(StackStatusFilter=["CREATE_COMPLETE", "UPDATE_COMPLETE"])["StackSummaries"]
    assert "coaching" not in {stack["StackName"] for stack in stacks}
    assert set(boto3.client("dynamodb").list_tables()["TableNames"]) == tables
    told(f"sam delete; {len(tables)} tables stay")
    guide.run("--no-deletion-protection-enabled", ORPHAN=own_table)
    assert own_table not in boto3.client("dynamodb").list_tables()["TableNames"]
    told(f"{len(guide.done)} blocks of commands of the guide were run; not: {guide.left_out()}")


def check_iam(decided, gateway):
    decisions = decisions_of_functions(decided)
    denied = collections.Counter(
        (decision["who"].split("/")[1], decision["action"], decision["on"].split("/", 1)[-1], str(decision["keys"]))
        for decision in decisions if decision["denied"]
    )
    told(f"answers: {dict(sorted(gateway.answered.items()))}; IAM allowed {len(decisions) - sum(denied.values())} times and denied {sum(denied.values())}")
    for what, count in denied.most_common():
        print("denied", count, *what)
    for problem in gateway.problems:
        print(problem)
    assert not denied and not gateway.problems
    fenced = [decision for decision in decisions if decision["keys"]]
    assert fenced, "no request told its partition keys"


def copy_demo(folder, table):
    data = folder / "demo"
    data.mkdir(mode=0o700)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    service = [ROOT / "target/debug/coaching", "--port", "0", "--data", data]
    with started(service, folder / "demo.log", {**environment, "LOG_LEVEL": "warn"}, lambda _: (data / "environment").exists()):
        return copy_items(data / "environment", table)


if __name__ == "__main__":
    main()
