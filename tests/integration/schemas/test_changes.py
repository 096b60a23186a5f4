"""Generated changes of generated schemas: a revision makes the one out of the other, and its downgrade goes back."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, seed, settings
from schema_space.features import included_features
from schema_space.mutations import changes
from schema_space.source import write_source
from schema_space.spec import Schema
from schema_space.strategies import schemas
from schema_space.trial import Trials

EACH = 10
CHANGES = int(os.environ.get("SCHEMA_SPACE_CHANGES", "40"))
FIRST = int(os.environ.get("SCHEMA_SPACE_SEED", "1"))
SEEDS = range(FIRST, FIRST + max(1, CHANGES // EACH))

FEATURES = included_features()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", SEEDS)
def test_a_generated_change_is_made_and_undone(number: int, trials: Trials) -> None:
    @seed(number)
    @settings(
        max_examples=EACH, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False
    )
    @given(changes(FEATURES, schemas(FEATURES)))
    def check(pair: tuple[Schema, Schema]) -> None:
        before, after = pair
        trials.check_change(write_source(before), write_source(after))

    check()
