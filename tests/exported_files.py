"""Files of exports as others read them: DuckDB counts the lines and the rows that the service says are there, and
LibreOffice takes no text of a table for a formula.

Reads the variables of the service's `environment` file; its argument is a folder for the files.
"""

import csv
import json
import os
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import duckdb

PROFILE = "customers/acme/profiles/support"
FORMULAS = ["=1+1", "+1+1", "-1-1", "@SUM(1)", "\t=1+1", "＝1+1"]
NOW = datetime.now(timezone.utc)
YEAR = {"startTime": (NOW - timedelta(days=365)).isoformat(), "endTime": (NOW + timedelta(days=1)).isoformat()}
USECASES = {"usecaseNames": [f"{PROFILE}/usecases/care"]}

connection = HTTPConnection(urlsplit(os.environ["COACHING_URL"]).netloc)


def succeeded(method, path, body=None):
    headers = {"authorization": f"Bearer {os.environ['ADMIN_TOKEN']}", "content-type": "application/json"}
    connection.request(method, f"/v1/{path}", body and json.dumps(body), headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    assert response.status == 200, (method, path, body, answer)
    return answer


def downloaded(link):
    there = HTTPConnection(urlsplit(link).netloc)
    there.request("GET", link.removeprefix(f"http://{urlsplit(link).netloc}"))
    response = there.getresponse()
    content = response.read()
    assert response.status == 200, (link, response.status)
    return content


def exported(operation, body):
    """The contents of the files that an export makes, and the number of rows that the service says is in them."""
    answer = succeeded("POST", f"{PROFILE}/{operation}", body)
    if "content" in answer:
        return [answer["content"].encode()], answer["rowCount"]
    while (job := succeeded("GET", answer["job"])["job"])["state"] in ("PENDING", "RUNNING"):
        time.sleep(0.2)
    assert job["state"] == "SUCCEEDED", job
    results = job["results"]
    return [downloaded(result["uri"]) for result in results], sum(result["rowCount"] for result in results)


def cells(path):
    with open(path, encoding="utf-8-sig", newline="") as table:
        return [row["comment"] for row in csv.DictReader(table)]


def through_libreoffice(path):
    """The table as LibreOffice writes it after it has read it."""
    read = path.parent / "read"
    # Commas, quotes, UTF-8, from the first line on.
    form = "Text - txt - csv (StarCalc):44,34,76,1"
    convert = ["soffice", "--headless", f"--infilter={form}", "--convert-to", f"csv:{form}", "--outdir", str(read), str(path)]
    subprocess.run(convert, check=True, capture_output=True)
    return read / path.name


folder = Path(sys.argv[1])
scorecards = succeeded("GET", f"{PROFILE}/scorecards?pageSize={len(FORMULAS)}")["scorecards"]
for scorecard, text in zip(scorecards, FORMULAS, strict=True):
    succeeded("PATCH", scorecard["name"], {"scorecard": {"comment": text}})

for operation, asked in [
    ("scorecards:export", YEAR),
    ("coachingSessions:export", {}),
    ("coachingProgresses:export", USECASES),
    ("coachingOverviews:export", {**USECASES, **YEAR}),
]:
    name = operation.replace(":", "-")
    for form, suffix in [("NDJSON", "ndjson"), ("CSV", "csv")]:
        files, rows = exported(operation, {**asked, "format": form})
        assert rows > 0, operation
        for number, content in enumerate(files):
            (folder / f"{name}-{number}.{suffix}").write_bytes(content)
        [(counted,)] = duckdb.sql(f"SELECT count(*) FROM '{folder}/{name}-*.{suffix}'").fetchall()
        assert counted == rows, (operation, form, counted, rows)
        print(f"{operation} {form}: {rows} rows")

# Newest first: the table has the texts of the scorecards that were changed.
named = {"scorecardNames": [scorecard["name"] for scorecard in scorecards], **YEAR}
for raw, evaluated in [(False, False), (True, True)]:
    [table], _ = exported("scorecards:export", {**named, "rawText": raw, "includeDeactivatedUsers": True})
    path = folder / f"formulas-{raw}.csv"
    path.write_bytes(table)
    written, read = cells(path), cells(through_libreoffice(path))
    assert sorted(written) == sorted(FORMULAS if raw else [f"'{text}" for text in FORMULAS]), written
    # Without the apostrophe it does: else this check would tell nothing.
    assert (written != read) == evaluated, (raw, written, read)
print("LibreOffice evaluates no text of a table")
