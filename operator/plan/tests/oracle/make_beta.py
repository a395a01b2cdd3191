#!/usr/bin/env python3
"""Writes beta.json: tails of the beta distribution and the points they begin at, by mpmath with 30 digits, for the unit
tests of statistics/beta.rs.

  python3 -m venv target/oracle && target/oracle/bin/pip install numpy scipy mpmath
  target/oracle/bin/python operator/plan/tests/oracle/make_beta.py > operator/plan/tests/oracle/beta.json

mpmath integrates (its hypergeometric series do not converge for large parameters); scipy only gives the first guess of a point.
"""

import json
import sys

from mpmath import mp, mpf
from scipy.stats import beta as beta_distribution

mp.dps = 30
SIZES = (1, 2, 5, 60, 500, 5_000, 100_000, 1_000_000)


def log_density(a, b, x):
    return (a - 1) * mp.log(x) + (b - 1) * mp.log1p(-x) + mp.loggamma(a + b) - mp.loggamma(a) - mp.loggamma(b)


def tail(a, b, x):
    """The mass above x; integrated in pieces of a few deviations."""
    a, b, x = mpf(a), mpf(b), mpf(x)
    deviation = mp.sqrt(a * b / ((a + b) ** 2 * (a + b + 1)))
    mean = a / (a + b)
    if x >= mean:
        start, stop, sign = x, min(mpf(1), x + 60 * deviation + 200 / (a + b)), 1
    else:
        start, stop, sign = max(mpf(0), x - 60 * deviation), x, -1
    highest = log_density(a, b, x)
    pieces = [start + (stop - start) * mpf(i) / 20 for i in range(21)]

    def scaled(t):
        return mp.exp(log_density(a, b, t) - highest) if 0 < t < 1 else mpf(1 if (a == 1 and t == 0) or (b == 1 and t == 1) else 0)

    mass = mp.quad(scaled, pieces) * mp.exp(highest)
    return mass if sign > 0 else 1 - mass


def point(mass, a, b):
    """Where the tail has this mass: Newton's method from scipy's value."""
    x = mpf(float(beta_distribution.isf(mass, a, b)))
    for _ in range(2):
        x += (tail(a, b, x) - mpf(mass)) / mp.exp(log_density(a, b, x))
    return x


def parameters():
    for size in SIZES:
        for bad in sorted({0, 1, size // 500, size // 50, size // 2, size - 1}):
            if 0 <= bad < size:
                yield bad + 1, size - bad


def main() -> None:
    tails, inverses = [], []
    for a, b in parameters():
        for mass in (0.05, 0.0005, 0.5e-6):
            x = point(mass, a, b)
            inverses.append({"a": a, "b": b, "tail": mass, "point": float(x)})
        for distance in (0.5, 0.9, 1.1, 3.0):
            x = float(mpf(a) / (a + b) * mpf(distance))
            if x < 1:
                value = tail(a, b, x)
                tails.append({"a": a, "b": b, "point": x, "ln_tail": float(mp.log(value))})
    rows = {"tails": tails, "inverses": inverses}
    text = ",\n".join(
        f'"{name}": [\n' + ",\n".join(json.dumps(row) for row in part) + "\n]" for name, part in rows.items()
    )
    sys.stdout.write("{\n" + text + "\n}\n")


if __name__ == "__main__":
    main()
