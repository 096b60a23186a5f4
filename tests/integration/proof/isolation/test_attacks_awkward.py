"""The attacks aim well on schemas that are hard to write to: identities, short columns, NULLs, checks, other keys.

Each breaks the schema of awkward shapes in one way, and the attacks find that out, and nothing that is not so.
"""

from __future__ import annotations

import attack_fixture
import pytest

from tenantry import Address
from tenantry.proof.isolation.attacks.references import NO_ROW
from tenantry.proof.isolation.database import AttackedDatabase
from tenantry.proof.isolation.run import run_one
from tenantry.proof.isolation.verdict import AttackResult, Outcome

OPEN_ZOOS = "ALTER TABLE zoos DISABLE ROW LEVEL SECURITY; GRANT INSERT, DELETE ON zoos TO shapes_app"
LOOSE_MOTHER = (
    "ALTER TABLE animals ADD CONSTRAINT alone UNIQUE (id); "
    "ALTER TABLE animals DROP CONSTRAINT fk_animals_zoo_id_mother_id_animals; "
    "ALTER TABLE animals ADD CONSTRAINT loose FOREIGN KEY (mother_id) REFERENCES animals (id)"
)
LOOSE_FEEDER = (
    "ALTER TABLE keepers ADD CONSTRAINT alone UNIQUE (id); "
    "ALTER TABLE feedings DROP CONSTRAINT fk_feedings_zoo_id_keeper_id_keepers; "
    "ALTER TABLE feedings ADD CONSTRAINT loose FOREIGN KEY (keeper_id) REFERENCES keepers (id) ON DELETE CASCADE"
)
# Only the last animal of each zoo has a value of the key.
ONE_DREAM = (
    "UPDATE animals SET mood = 'calm', dreams = NULL; UPDATE animals AS a SET mood = 'asleep', dreams = zoo_id || name "
    "WHERE id = (SELECT max(id) FROM animals AS b WHERE b.zoo_id = a.zoo_id); "
    "CREATE UNIQUE INDEX one_dream ON animals (dreams) WHERE mood = 'asleep'"
)
REFERENCES = ("foreign_key_insert", "foreign_key_update", "foreign_key_oracle")
# A tenant that PostgreSQL numbers itself: UPDATE cannot give it a value, and INSERT only by OVERRIDING SYSTEM VALUE.
ROWS_OF_ZOOS = (
    "insert_for_victim",
    "insert_select",
    "insert_returning",
    "update_rows",
    "update_others",
    "update_from",
    "update_returning",
    "update_at_cursor",
    "upsert_update",
    "upsert_own",
    "merge_update",
    "merge_insert",
    "copy_in",
)


def _of(results: list[AttackResult], thing: str) -> list[AttackResult]:
    return [one for one in results if one.object == thing]


@pytest.mark.parametrize(
    ("names", "thing", "sabotage"),
    [
        (ROWS_OF_ZOOS, "public.zoos", OPEN_ZOOS),
        (REFERENCES, "public.animals", LOOSE_MOTHER),
        ((*REFERENCES, "cascade_from_reference"), "public.feedings", LOOSE_FEEDER),
        (("unique_probe",), "public.animals", "CREATE UNIQUE INDEX one_title ON animals (title)"),
        (("unique_probe",), "public.keepers", "CREATE UNIQUE INDEX one_email ON keepers (lower(email))"),
        (("unique_probe",), "public.animals", ONE_DREAM),
    ],
    ids=["identity", "a reference to itself", "a reference from partitions", "generated", "expression", "partial"],
)
async def test_an_awkward_table_shows_what_is_broken(
    attacked_zoo: AttackedDatabase, zoo_address: Address, names: tuple[str, ...], thing: str, sabotage: str
) -> None:
    await attack_fixture.execute(zoo_address, sabotage)
    failed = {}
    for name in names:
        results = _of(await run_one(attacked_zoo, name), thing)
        if not any(one.outcome is Outcome.BREACH for one in results):
            failed[name] = [f"{one.binding} {one.outcome} {one.detail}" for one in results]
    assert failed == {}


@pytest.mark.parametrize("name", ["foreign_key_insert", "foreign_key_oracle"])
async def test_a_row_that_a_check_refuses_proves_nothing_of_a_reference(
    attacked_zoo: AttackedDatabase, zoo_address: Address, name: str
) -> None:
    """It is told as skipped, and not as held."""
    await attack_fixture.execute(
        zoo_address, "ALTER TABLE feedings ADD CONSTRAINT frozen CHECK (code = 'never') NOT VALID"
    )
    (told,) = _of(await run_one(attacked_zoo, name), "public.feedings")
    assert (told.outcome, told.detail) == (Outcome.SKIPPED, NO_ROW)


async def test_to_move_a_row_whose_tenant_is_numbered_is_refused_by_postgresql_itself(
    attacked_zoo: AttackedDatabase,
) -> None:
    for name in ("update_give", "update_steal"):
        results = _of(await run_one(attacked_zoo, name), "public.zoos")
        assert {(one.outcome, one.detail) for one in results if one.binding == "own"} == {
            (Outcome.BLOCKED, "refused (428C9)")
        }


@pytest.mark.parametrize("name", REFERENCES)
async def test_every_reference_of_an_awkward_table_answers(attacked_zoo: AttackedDatabase, name: str) -> None:
    """Also those whose column is NULL in every row."""
    results = await run_one(attacked_zoo, name)
    assert {one.object: one.detail for one in results if one.outcome is Outcome.BLOCKED} == {
        "public.animals": "refused by 3 of 3 references",
        "public.feedings": "refused by 2 of 2 references",
        "public.keepers": "refused by 1 of 1 references",
    }
