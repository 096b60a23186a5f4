"""From what is there to what is declared; and every step back again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from tenantry.migrations.difference import operations_between
from tenantry.migrations.operations import CreateFunctionOp, ObjectOp, RevokeOp, SetRowSecurityOp
from tenantry.postgres.objects import (
    PUBLIC,
    DatabaseObject,
    Extension,
    Function,
    Grant,
    HashPartitions,
    Policy,
    Role,
    RowSecurity,
    Sequence,
    Trigger,
)

POLICY = Policy("p", "items", ("app",), "true", None)
FUNCTION = Function("f", "body", execute=("app",))
TRIGGER = Trigger("t", "items", "f")
GRANT = Grant("app", ("INSERT", "SELECT"), "items")


def between(old: Iterable[DatabaseObject], new: Iterable[DatabaseObject]) -> list[ObjectOp]:
    found: list[ObjectOp] = []
    for difference in operations_between(frozenset(old), frozenset(new)):
        for operation in difference.operations:
            assert isinstance(operation, ObjectOp)
            found.append(operation)
    return found


def verbs(old: Iterable[DatabaseObject], new: Iterable[DatabaseObject]) -> list[str]:
    return [operation.verb for operation in between(old, new)]


def test_equal_sets_have_no_difference() -> None:
    everything = {POLICY, FUNCTION, TRIGGER, GRANT, RowSecurity("items"), Role("app"), Extension("vector")}
    assert between(everything, everything) == []


def test_what_is_missing_is_created_in_order() -> None:
    everything = {GRANT, POLICY, RowSecurity("items"), TRIGGER, FUNCTION, Extension("vector"), Role("app")}
    assert verbs((), everything) == [
        *("create_role", "create_extension", "create_function", "create_trigger"),
        *("enable_row_security", "create_policy", "grant"),
    ]


def test_what_nobody_declares_is_dropped_except_roles_extensions_and_sequences() -> None:
    """Those may be others', and a sequence keeps its number."""
    everything = {GRANT, POLICY, RowSecurity("items"), TRIGGER, FUNCTION, Extension("vector"), Role("app")}
    everything |= {Sequence("numbers")}
    assert verbs(everything, ()) == ["drop_function", "drop_trigger", "disable_row_security", "drop_policy", "revoke"]


def test_a_roles_attributes_are_no_difference() -> None:
    """Roles belong to the cluster; what they may do is the audit's question."""
    assert verbs({Role("app", login=True)}, {Role("app")}) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (POLICY, replace(POLICY, using="false"), ["drop_policy", "create_policy"]),
        (TRIGGER, replace(TRIGGER, state="DISABLE"), ["drop_trigger", "create_trigger"]),
        (FUNCTION, replace(FUNCTION, body="other"), ["create_function"]),
        (FUNCTION, replace(FUNCTION, returns="integer"), ["drop_function", "create_function"]),
        (FUNCTION, replace(FUNCTION, execute=("app", "b")), ["grant"]),
        (FUNCTION, replace(FUNCTION, execute=()), ["revoke"]),
        (replace(FUNCTION, execute=("app", PUBLIC)), FUNCTION, ["revoke"]),
        (replace(FUNCTION, execute=(PUBLIC,), body="other"), FUNCTION, ["create_function", "grant"]),
        (GRANT, replace(GRANT, privileges=("SELECT", "UPDATE")), ["revoke", "grant"]),
        (GRANT, replace(GRANT, privileges=("SELECT",)), ["revoke"]),
        (GRANT, replace(GRANT, grantable=True), ["revoke", "grant"]),
        (RowSecurity("items", forced=False), RowSecurity("items"), ["enable_row_security"]),
        (RowSecurity("items"), RowSecurity("items", enabled=False), ["disable_row_security"]),
    ],
)
def test_what_is_altered_is_put_right_with_as_little_as_possible(
    old: DatabaseObject, new: DatabaseObject, expected: list[str]
) -> None:
    assert sorted(verbs({old}, {new})) == sorted(expected)


def test_only_the_privileges_that_differ_are_taken_and_given() -> None:
    taken, given = between({GRANT}, {replace(GRANT, privileges=("SELECT", "UPDATE"))})
    assert isinstance(taken, RevokeOp)
    assert (taken.item.privileges, given.item) == (("INSERT",), replace(GRANT, privileges=("UPDATE",)))


def test_the_reverse_of_the_reverse_is_the_operation() -> None:
    """With the whole object, so that a downgrade restores what was there."""
    everything = {GRANT, POLICY, TRIGGER, FUNCTION, Extension("vector"), Role("app")}
    for operation in between((), everything):
        back = operation.reverse()
        assert isinstance(back, ObjectOp)
        again = back.reverse()
        assert isinstance(again, ObjectOp)
        assert (again.verb, again.item) == (operation.verb, operation.item)
        assert back.item == operation.item


@pytest.mark.parametrize(
    "old",
    [None, RowSecurity("items", forced=False), RowSecurity("items", enabled=False), RowSecurity("items")],
)
@pytest.mark.parametrize("new", [None, RowSecurity("items")])
def test_both_flags_of_row_security_come_back(old: RowSecurity | None, new: RowSecurity | None) -> None:
    if old == new:
        return
    nothing = RowSecurity("items", enabled=False, forced=False)
    (operation,) = between({old} - {None}, {new} - {None})  # type: ignore[arg-type]
    assert isinstance(operation, SetRowSecurityOp)
    back = operation.reverse()
    assert isinstance(back, SetRowSecurityOp)
    assert (operation.item, back.item) == (new or nothing, old or nothing)


def test_a_replaced_function_comes_back_as_it_was() -> None:
    (operation,) = between({FUNCTION}, {replace(FUNCTION, body="other")})
    assert isinstance(operation, CreateFunctionOp)
    back = operation.reverse()
    assert isinstance(back, CreateFunctionOp)
    assert back.item == FUNCTION


PARTITIONS = HashPartitions("items", 2)
PROTECTED = {PARTITIONS, *(RowSecurity(name) for name in PARTITIONS.partitions)}


def test_new_partitions_come_with_their_protection() -> None:
    """One operation makes them and protects them; nothing repeats it."""
    assert verbs((), PROTECTED) == ["create_hash_partitions"]


def test_the_protection_of_partitions_that_are_there_is_compared() -> None:
    assert verbs({PARTITIONS, RowSecurity("items_p0")}, PROTECTED) == ["enable_row_security"]


def test_partitions_are_never_dropped_by_comparing() -> None:
    """They hold rows."""
    assert verbs({PARTITIONS}, ()) == []
    assert verbs({HashPartitions("items", 3)}, {PARTITIONS}) == ["create_hash_partitions"]


def test_a_sequence_is_altered_in_place_and_back() -> None:
    old, new = Sequence("n", data_type="integer"), Sequence("n")
    (operation,) = between({old}, {new})
    assert (operation.verb, operation.item) == ("alter_sequence", new)
    back = operation.reverse()
    assert isinstance(back, ObjectOp)
    assert (back.verb, back.item) == ("alter_sequence", old)
    assert verbs((), {new}) == ["create_sequence"]
