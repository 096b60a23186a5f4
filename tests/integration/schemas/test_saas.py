"""The shapes of well-known kinds of products go through their whole life, as their teams would have written them."""

from __future__ import annotations

from pathlib import Path

import pytest
from schema_space.trial import Trials

FOLDER = Path(__file__).parents[2] / "support" / "saas"
PRODUCTS = sorted(path.stem for path in FOLDER.glob("[a-z]*.py"))


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_product_lives_its_whole_life(product: str, trials: Trials) -> None:
    trials.check((FOLDER / f"{product}.py").read_text(encoding="utf-8"))


def test_the_products_are_many() -> None:
    assert len(PRODUCTS) >= 10
