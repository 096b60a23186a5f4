"""Generated schemas, from the space of all that a team could write. Each goes through its whole life.

A run has the same models each time. `make generate-schemas` generates others, and many more.
SCHEMA_SPACE_MODELS is the number of models, and SCHEMA_SPACE_SEED the first seed.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, seed, settings
from schema_space.features import included_features
from schema_space.source import write_source
from schema_space.spec import Schema
from schema_space.strategies import schemas
from schema_space.trial import Trials

# Models a test: few, so that the workers of a run share the work, and enough for the strategies to vary.
EACH = 20
MODELS = int(os.environ.get("SCHEMA_SPACE_MODELS", "200"))
FIRST = int(os.environ.get("SCHEMA_SPACE_SEED", "1"))
SEEDS = range(FIRST, FIRST + max(1, MODELS // EACH))

FEATURES = included_features()


# A counter-example is made smaller, which takes as long as some hundred models.
@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", SEEDS)
def test_a_generated_schema_lives_its_whole_life(number: int, trials: Trials) -> None:
    @seed(number)
    @settings(
        max_examples=EACH, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False
    )
    @given(schemas(FEATURES))
    def check(schema: Schema) -> None:
        trials.check(write_source(schema))

    check()
