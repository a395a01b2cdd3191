#!/usr/bin/env python3
"""Writes baseline.json: the limits that baselines give, by scipy's beta distribution, for the unit test of
statistics/baseline.rs.

  target/oracle/bin/python operator/plan/tests/oracle/make_baseline.py > operator/plan/tests/oracle/baseline.json
"""

import json
import sys

from scipy.stats import beta


def main() -> None:
    rows = []
    for total in (1, 3, 60, 500, 5_000, 100_000, 1_000_000):
        for bad in sorted({0, 1, total // 500, total // 50, total // 2, total - 1, total}):
            for alpha in (0.05, 0.001, 0.00025):
                for worsening in (0.0, 0.005, 0.2):
                    # The upper tail is asked for, not ppf(1 - alpha/2): the subtraction would cost digits.
                    bound = 1.0 if bad == total else float(beta.isf(alpha / 2, bad + 1, total - bad))
                    rows.append(
                        {"bad": bad, "total": total, "worsening": worsening, "alpha": alpha, "limit": bound + worsening}
                    )
    sys.stdout.write("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
