#!/usr/bin/env python3
"""Writes two_sample.json: runs of the two-sample test with ln E after every look, by mpmath with 40 digits, for the unit
test of statistics/two_sample.rs.

  target/oracle/bin/python operator/plan/tests/oracle/make_two_sample.py > operator/plan/tests/oracle/two_sample.json

The nearest rates of the null are found by minimising the divergence itself (golden section on 40 digits), not by its slope
and not by the pooled rate, so a wrong formula would show. Plain products of probabilities; no logarithms until the end.
"""

import json
import sys

import numpy as np
from mpmath import mp, mpf

mp.dps = 40
TRIED = [mpf("0.99")] + [mpf(1) / 2**i for i in range(1, 11)]
RESERVE = mpf("0.1")


def divergence(p, q):
    return p * mp.log(p / q) + (1 - p) * mp.log((1 - p) / (1 - q))


def nearest(n_a, n_b, p_a, p_b, worsening):
    """The q_b in [p_b, p_a - worsening] with the least n_a KL(p_a, q_b + worsening) + n_b KL(p_b, q_b)."""

    def cost(q):
        return n_a * divergence(p_a, q + worsening) + n_b * divergence(p_b, q)

    low, high = p_b, p_a - worsening
    ratio = (mp.sqrt(5) - 1) / 2
    for _ in range(110):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if cost(left) < cost(right):
            high = right
        else:
            low = left
    return (low + high) / 2


def likelihood(bad, total, rate):
    return rate**bad * (1 - rate) ** (total - bad)


def factor(block, past, worsening):
    (k_a, n_a), (k_b, n_b) = block
    (past_k_a, past_n_a), (past_k_b, past_n_b) = past
    p_b = (past_k_b + mpf("0.5")) / (past_n_b + 50)
    allowed = p_b + worsening
    if allowed >= 1:
        return mpf(1)
    weight_sum, staked = mpf(0), mpf(0)
    for part in TRIED:
        p_a = allowed + (1 - allowed) * part
        q = nearest(n_a, n_b, p_a, p_b, worsening)
        weight = likelihood(past_k_a, past_n_a, p_a)
        at_p = likelihood(k_a, n_a, p_a) * likelihood(k_b, n_b, p_b)
        at_q = likelihood(k_a, n_a, q + worsening) * likelihood(k_b, n_b, q)
        weight_sum += weight
        staked += weight * at_p / at_q
    return RESERVE + (1 - RESERVE) * staked / weight_sum


def run(rng, worsening, history, rates, sizes):
    worsening_exact = mpf(worsening)
    past = [[0, 0], list(history)]
    open_block = [[0, 0], [0, 0]]
    evidence, looks = mpf(1), []
    for _ in range(12):
        look = []
        for side in (0, 1):
            total = int(rng.integers(0, sizes[side] + 1))
            bad = int(rng.binomial(total, rates[side]))
            look.append((bad, total))
            open_block[side][0] += bad
            open_block[side][1] += total
        if open_block[0][1] and open_block[1][1]:
            evidence *= factor(open_block, past, worsening_exact)
            for side in (0, 1):
                past[side][0] += open_block[side][0]
                past[side][1] += open_block[side][1]
            open_block = [[0, 0], [0, 0]]
        looks.append({"canary": look[0], "controls": look[1], "ln_e": float(mp.log(evidence))})
    return {"worsening": worsening, "history": history, "looks": looks}


def main() -> None:
    rng = np.random.default_rng(4)
    runs = []
    for worsening in (0.0, 0.005, 0.1):
        for history in ((0, 0), (2, 1000)):
            for rates in ((0.002, 0.002), (0.05, 0.002), (1.0, 0.01), (0.3, 0.6)):
                for sizes in ((1, 3), (20, 8), (300, 2000)):
                    runs.append(run(rng, worsening, history, rates, sizes))
    runs.append(run(rng, 0.99, (30, 60), (0.9, 0.5), (5, 5)))
    sys.stdout.write("[\n" + ",\n".join(json.dumps(row) for row in runs) + "\n]\n")


if __name__ == "__main__":
    main()
