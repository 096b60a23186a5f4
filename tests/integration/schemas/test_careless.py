"""Generated schemas with one thing left out or wrong: each is refused in a sentence, or lives its whole life."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, seed, settings
from schema_space.carelessness import careless_schemas
from schema_space.features import included_features
from schema_space.source import write_source
from schema_space.spec import Schema
from schema_space.strategies import schemas
from schema_space.trial import Trials

EACH = 15
MODELS = int(os.environ.get("SCHEMA_SPACE_CARELESS", "60"))
FIRST = int(os.environ.get("SCHEMA_SPACE_SEED", "1"))
SEEDS = range(FIRST, FIRST + max(1, MODELS // EACH))

FEATURES = included_features()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", SEEDS)
def test_a_careless_schema_is_refused_or_right(number: int, trials: Trials) -> None:
    @seed(number)
    @settings(
        max_examples=EACH, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False
    )
    @given(careless_schemas(FEATURES, schemas(FEATURES)))
    def check(schema: Schema) -> None:
        source = write_source(schema)
        refusal = trials.refusal(source)
        if refusal is None:
            trials.check(source)
        else:
            assert refusal.what
            assert refusal.remedy

    check()
