#!/usr/bin/env python3
"""Writes oracle.json: ln E on a grid, by numpy and scipy, for the unit test of statistics.rs.

  python3 -m venv target/oracle && target/oracle/bin/pip install numpy scipy
  target/oracle/bin/python operator/plan/tests/oracle/make_grid.py > operator/plan/tests/oracle.json

Rows where scipy itself underflows (almost nothing bad of very many), or comes so near that it loses digits, are left out.
"""

import json
import math
import sys

import numpy as np
from scipy.special import betainc, betaln

PRIOR = 0.5
# Below it a double has fewer than 53 bits.
SMALLEST = 1e-290


def log_e(bad: int, total: int, limit: float) -> float:
    """ln E; 1 - I_p(a, b) is taken as I_{1-p}(b, a), since the subtraction loses every digit."""
    a, b = PRIOR + bad, PRIOR + total - bad
    seen = betaln(a, b) + np.log(betainc(b, a, 1 - limit))
    prior = betaln(PRIOR, PRIOR) + np.log(betainc(PRIOR, PRIOR, 1 - limit))
    return float(seen - prior - (bad * math.log(limit) + (total - bad) * math.log1p(-limit)))


def grid():
    for total in (1, 2, 3, 5, 10, 17, 30, 100, 200, 1_000, 5_000, 20_000, 100_000, 1_000_000):
        for limit in (0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 0.9):
            expected = total * limit
            counts = {0, 1, 2, 3, total // 2, total, round(expected)}
            counts |= {round(expected * factor) for factor in (0.5, 0.9, 1.1, 1.5, 3.0)}
            for bad in sorted(count for count in counts if 0 <= count <= total):
                yield bad, total, limit


def main() -> None:
    rows = []
    for bad, total, limit in grid():
        if betainc(PRIOR + total - bad, PRIOR + bad, 1 - limit) > SMALLEST:
            value = log_e(bad, total, limit)
            rows.append({"bad": bad, "total": total, "limit": limit, "ln_e": value})
    sys.stdout.write("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
