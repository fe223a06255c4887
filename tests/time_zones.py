"""The first instants of weeks and months of 2000 to 2040 in every time zone, as the service answers them and as Python's
own `zoneinfo` has them, from tables of the same version of the IANA database.

Reads the variables of the service's `environment` file.
"""

import json
import os
import zoneinfo
from datetime import date, datetime, timedelta, timezone
from http.client import HTTPConnection
from urllib.parse import urlsplit

BELOW = "customers/acme/profiles/support"
TEMPLATE = f"{BELOW}/scorecardTemplates/time-zones"
# What the database has beside time zones.
NOT_ZONES = {"Factory", "localtime"}
QUARTER = timedelta(minutes=15)
MONDAY, LAST = date(2000, 1, 3), date(2040, 12, 31)

connection = HTTPConnection(urlsplit(os.environ["COACHING_URL"]).netloc)


def succeeded(method, path, body):
    headers = {"authorization": f"Bearer {os.environ['ADMIN_TOKEN']}", "content-type": "application/json"}
    connection.request(method, f"/v1/{path}", json.dumps(body), headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    assert response.status == 200, (method, path, body, answer)
    return answer


def answered(periods, starts):
    """The starts of `periods`, at most a thousand at a time, of a template that sets them."""
    succeeded("PATCH", TEMPLATE, {"scorecardTemplate": {"qaTaskConfig": {"evaluationPeriodConfig": periods}}})
    found = []
    for first in range(0, len(starts), 900):
        some = starts[first : first + 900]
        asked = {"startTime": told(some[0]), "endTime": told(some[-1] + QUARTER)}
        answer = succeeded("POST", f"{TEMPLATE}:retrieveEvaluationPeriods", asked)["evaluationPeriods"]
        ends = [period["endTime"] for period in answer[:-1]]
        assert ends == [period["startTime"] for period in answer[1:]], (periods, "periods do not abut")
        found += [period["startTime"] for period in answer]
    return found


def told(time):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def first_instant(zone, day):
    """When the clocks of `zone` first show `day`, or a later one."""
    midnight = datetime(day.year, day.month, day.day)
    instant = midnight.replace(tzinfo=zone).astimezone(timezone.utc)
    if instant.astimezone(zone).replace(tzinfo=None) == midnight:
        return instant
    # Clocks jump over it.
    instant = (midnight - timedelta(days=1)).replace(tzinfo=timezone.utc)
    while instant.astimezone(zone).replace(tzinfo=None) < midnight:
        instant += QUARTER
    return instant


weeks = [MONDAY + timedelta(weeks=number) for number in range((LAST - MONDAY).days // 7 + 1)]
months = [date(year, month, 1) for year in range(2000, 2041) for month in range(1, 13)]
chapters = [{"chapterId": "all", "displayName": "All", "criteria": [{"criterionId": "one", "displayName": "One"}]}]
succeeded("POST", f"{BELOW}/scorecardTemplates", {"name": TEMPLATE, "title": "Zones", "template": {"chapters": chapters}})
zones = sorted(zoneinfo.available_timezones() - NOT_ZONES)
differing, jumped = [], 0
for name in zones:
    zone = zoneinfo.ZoneInfo(name)
    for kind, days in ("WEEK", weeks), ("MONTH", months):
        right = [first_instant(zone, day) for day in days]
        jumped += sum(time.astimezone(zone).hour != 0 for time in right)
        periods = {"kind": kind, "timeZoneId": name, "anchorDate": str(days[0])}
        for day, expected, found in zip(days, map(told, right), answered(periods, right), strict=True):
            if expected != found:
                differing.append((name, kind, str(day), expected, found))
print(f"{len(zones)} time zones, {len(weeks)} weeks and {len(months)} months of each; {jumped} begin after midnight")
assert len(zones) > 590 and jumped > 10 and not differing, differing[:20]
