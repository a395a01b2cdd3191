#!/usr/bin/env python3
"""Writes pass.json: ln E of the mirror test on a grid, by mpmath with 50 digits, for the unit test of statistics/pass.rs.

  target/oracle/bin/python operator/plan/tests/oracle/make_pass.py > operator/plan/tests/oracle/pass.json

The integral over the rates below the limit is done as it stands in the definition, not by the incomplete beta function.
"""

import json
import sys

from mpmath import mp, mpf

mp.dps = 50


def log_e(bad, total, limit):
    """ln of: the mixture over rates p in (0, limit) with weights p^-1/2 (1-p)^-1/2, against the limit itself."""
    good, edge = total - bad, mpf(limit)
    at_limit = bad * mp.log(edge) + good * mp.log1p(-edge)
    # With p = s^2 the weight p^-1/2 dp is 2 ds, and nothing is infinite at 0.
    end = mp.sqrt(edge)
    top = min(end, mp.sqrt(mpf(bad) / total)) if bad else mpf(0)
    width = mpf(1) / mp.sqrt(total)
    marks = {mpf(0), end, top}
    marks |= {top + sign * k * width for k in (0.5, 1, 2, 3, 5, 8, 12, 18, 30) for sign in (-1, 1)}
    # Where the limit is far below what was seen, everything is within a very small step below the limit.
    slope = abs(bad / end - good * end / (1 - edge)) * 2 + 1
    marks |= {end - k / slope for k in (1, 3, 8, 20, 50, 150)}
    marks = sorted(mark for mark in marks if 0 <= mark <= end)
    highest = (bad * 2 * mp.log(top) if bad else 0) + (good * mp.log1p(-top * top) if good else 0)

    def seen(s):
        if s == 0 and bad:
            return mpf(0)
        exponent = (2 * bad * mp.log(s) if bad else 0) + good * mp.log1p(-s * s) - highest
        return 2 * mp.exp(exponent) / mp.sqrt(1 - s * s)

    prior = 2 * mp.asin(end)
    return mp.log(mp.quad(seen, marks)) + highest - mp.log(prior) - at_limit


def grid():
    for total in (1, 2, 5, 17, 100, 1_000, 5_000, 100_000, 1_000_000):
        for limit in (0.0001, 0.001, 0.01, 0.05, 0.1, 0.5, 0.9):
            expected = total * limit
            counts = {0, 1, 2, total // 2, total, round(expected)}
            counts |= {round(expected * factor) for factor in (0.2, 0.5, 0.9, 1.1, 1.5)}
            for bad in sorted(count for count in counts if 0 <= count <= total):
                yield bad, total, limit


def main() -> None:
    rows = [
        {"bad": bad, "total": total, "limit": limit, "ln_e": float(log_e(bad, total, limit))} for bad, total, limit in grid()
    ]
    sys.stdout.write("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
