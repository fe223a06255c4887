"""The first instants of weeks and months of 2000 to 2040 in every time zone, as the service answers them and as Python's
own `zoneinfo` has them, from tables of the same version of the IANA database. Of zones in which all of them are the same,
one is asked for all, and the others for the first of every quarter of a year.

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
differing, jumped, seen = [], 0, set()
for name in zones:
    zone = zoneinfo.ZoneInfo(name)
    right = {day: first_instant(zone, day) for day in weeks + months}
    jumped += sum(time.astimezone(zone).hour != 0 for time in right.values())
    is_like_another = (alike := tuple(right.values())) in seen
    seen.add(alike)
    asked = [("MONTH", 3, months[::3])] if is_like_another else [("WEEK", 1, weeks), ("MONTH", 1, months)]
    for kind, interval, days in asked:
        periods = {"kind": kind, "interval": interval, "timeZoneId": name, "anchorDate": str(days[0])}
        found = answered(periods, [right[day] for day in days])
        expected = [told(right[day]) for day in days]
        differing += [(name, *both) for both in zip(expected, found, strict=True) if both[0] != both[1]]
print(f"{len(zones)} time zones, {len(seen)} of them different; {jumped} weeks and months begin after midnight")
assert len(zones) > 590 and len(seen) > 150 and jumped > 10 and not differing, differing[:20]
