"""What the proof of the proof rests on: enough ways to break a healthy schema, and no two alike."""

from __future__ import annotations

import attack_sabotage
import runtime_sabotage
import sabotage

LEAST = 80


def test_there_are_enough_and_no_two_are_alike() -> None:
    """Of the catalog, of the privileges and policies that an attack meets, and of the toolkit's own code."""
    seen_by_audit = [one.sql for one in sabotage.SABOTAGES]
    seen_by_attacks = [(one.sql, one.attacks, one.object) for one in attack_sabotage.SABOTAGES]
    seen_at_run_time = [one.name for one in runtime_sabotage.SABOTAGES]
    for found in (seen_by_audit, seen_by_attacks, seen_at_run_time):
        assert len(set(found)) == len(found)
    assert len(seen_by_audit) >= LEAST
    assert len({sql for sql, *_ in seen_by_attacks}) + len(seen_at_run_time) >= LEAST // 2


def test_each_says_who_must_notice_and_what_is_named() -> None:
    """One that named nobody could not fail."""
    assert all(one.rules and one.object for one in sabotage.SABOTAGES)
    assert all(one.attacks and one.object for one in attack_sabotage.SABOTAGES)
    assert all(one.attacks for one in runtime_sabotage.SABOTAGES)
