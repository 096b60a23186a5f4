"""The changes that Alembic tests its comparison with, through our migrations, audit and back."""

from __future__ import annotations

import pytest
from alembic_cases import TOPICS, write_models
from schema_space.trial import Trials

from tenantry.testing.administrator import Administrator

EXTENSION = "SELECT FROM pg_available_extensions WHERE name = 'btree_gist'"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("topic", TOPICS)
def test_the_changes_of_a_topic_are_made_and_undone(
    topic: str, trials: Trials, tenantry_administrator: Administrator
) -> None:
    if topic == "exclusions" and not tenantry_administrator.fetch(EXTENSION):
        pytest.skip("needs the extension btree_gist, which this server does not have")
    cases = TOPICS[topic]
    trials.check_change(write_models(cases, is_after=False), write_models(cases, is_after=True))
