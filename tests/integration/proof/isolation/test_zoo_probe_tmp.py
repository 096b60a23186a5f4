import time
import pytest
from tenantry.proof.isolation import attacks, runtime
from tenantry.proof.isolation.harness import run_attacks
from tenantry.proof.isolation.verdict import Outcome
from collections import Counter


async def test_probe(zoo_ground):
    t = time.time()
    tries = await run_attacks(zoo_ground)
    print("SECONDS", time.time() - t, len(tries))
    c = Counter()
    for one in tries:
        if one.outcome is Outcome.BREACH or "broken" in one.detail:
            c[(one.attack, one.object, str(one.outcome), one.detail[:230])] += 1
    for k, n in sorted(c.items()):
        print(n, *k, sep=" | ")
    print("SKIPS")
    s = Counter(
        (one.attack, one.object, one.detail)
        for one in tries
        if one.outcome is Outcome.SKIPPED and "broken" not in one.detail
    )
    for k, n in sorted(s.items()):
        print(n, *k, sep=" | ")
