"""Writes tests/data/cron.json: openings of cron expressions as two independent libraries see them.

    pip install croniter==7.0.0 cronsim==2.8 && python tests/cron_oracle.py > tests/data/cron.json

`plain`: in UTC, from several instants; croniter and cronsim must agree, or the expression is left out and named on stderr.
`zones`: one fixed time of day over clock changes, where cronsim follows Debian's cron: after the gap at once, in the fold once.
Instants are RFC 3339 in UTC.
"""
import json
import sys
from datetime import datetime, timezone
from itertools import islice
from zoneinfo import ZoneInfo

from croniter import croniter
from cronsim import CronSim

FIELDS = [
    ["0", "*/15", "7,37", "10-50/20", "59"],
    ["6", "*", "22-23", "0,12", "*/8"],
]
DAYS = [
    ("*", "*", "*"), ("*", "*", "1-5"), ("*", "*", "SAT,SUN"), ("*", "*", "0"), ("*", "*", "7"), ("*", "*", "5-7"),
    ("1", "*", "*"), ("31", "*", "*"), ("29", "2", "*"), ("30", "*/2", "*"), ("1-31/2", "*", "1"), ("13", "*", "FRI"),
    ("29", "FEB", "MON"), ("1,15", "JAN-MAR", "3"), ("*/10", "6-8", "*"), ("*", "12", "MON-FRI/2"), ("28-31", "2", "*"),
    ("*", "APR,oct", "tue-thu"), ("5", "*", "6,0"), ("31", "4,5,6", "*"),
]
PLAIN = [f"{FIELDS[0][n % 5]} {FIELDS[1][(n * 2 + n // 5) % 5]} {d} {m} {w}" for n, (d, m, w) in enumerate(DAYS * 5)]
STARTS = ["2026-01-01T00:00:00", "2026-02-28T23:59:00", "2027-12-31T13:37:00", "2096-03-01T00:00:00"]
ZONES = {
    "Europe/Berlin": ["2026-03-27T12:00:00", "2026-10-23T12:00:00"],
    "America/New_York": ["2026-03-06T12:00:00", "2026-10-30T12:00:00"],
    "Australia/Lord_Howe": ["2026-04-03T00:00:00", "2026-10-02T00:00:00"],
    "America/Sao_Paulo": ["2018-11-02T12:00:00", "2018-02-15T12:00:00"],
    "Asia/Kathmandu": ["2026-03-27T12:00:00"],
    "America/St_Johns": ["2026-03-06T12:00:00", "2026-10-30T12:00:00"],
}
TIMES = ["0 0 * * *", "30 1 * * *", "0 2 * * *", "15 2 * * *", "30 2 * * *", "0 3 * * *", "45 2 * * 0", "10 23 * * 6"]


def text(at):
    return at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def main():
    plain, zones = [], []
    for cron in sorted(set(PLAIN)):
        for start in STARTS:
            base = datetime.fromisoformat(start).replace(tzinfo=timezone.utc)
            one = [text(at) for at in islice(CronSim(cron, base), 6)]
            iterator = croniter(cron, base)
            two = [text(iterator.get_next(datetime)) for _ in range(6)]
            if one != two:
                print(f"left out: {cron} from {start}: cronsim {one[:2]}, croniter {two[:2]}", file=sys.stderr)
                continue
            plain.append({"cron": cron, "from": text(base), "next": one})
    for zone, starts in ZONES.items():
        for cron in TIMES:
            for start in starts:
                base = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone))
                found = [text(at) for at in islice(CronSim(cron, base), 5)]
                zones.append({"cron": cron, "zone": zone, "from": text(base), "next": found})
    lists = [f'"{name}": [\n' + ",\n".join(map(json.dumps, cases)) + "\n]" for name, cases in (("plain", plain), ("zones", zones))]
    print("{" + ",\n".join(lists) + "}")


main()
