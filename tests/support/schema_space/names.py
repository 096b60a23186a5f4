"""Names as teams have them, and awkward ones: capitals, spaces, quotes, reserved words, long ones, other scripts."""

from __future__ import annotations

from hypothesis import strategies as st

from schema_space.features import Features

__all__ = ["column_names", "plain_name", "table_names"]

_PLAIN_TABLES = ("books", "authors", "invoices", "tickets", "rooms", "people", "news", "order_lines", "a", "x2")
_TABLES = (
    ("names_capital", "BookShelf"),
    ("names_capital", "INVOICE"),
    ("names_space", "order lines"),
    ("names_hyphen", "line-items"),
    ("names_quote", 'it\'s "odd"'),
    ("names_reserved", "user"),
    ("names_reserved", "order"),
    ("names_reserved", "group"),
    ("names_reserved", "table"),
    ("names_status", "status"),
    ("names_non_ascii", "straße"),
    ("names_non_ascii", "名前"),
    ("names_percent", "rate%"),
    ("names_digit", "2fa_codes"),
    ("names_long", "subscription_invoice_line_item_adjustments_by_month"),
    ("names_longest", "a_table_whose_name_is_as_long_as_postgresql_allows_it_to_be_63b"),
)
_PLAIN_COLUMNS = ("name", "title", "note", "amount", "state", "owner", "code", "kind", "place", "made")
_COLUMNS = (
    ("names_capital", "shareToken"),
    ("names_capital", "TITLE"),
    ("names_space", "first name"),
    ("names_hyphen", "e-mail"),
    ("names_quote", 'the "best"'),
    ("names_quote", "o'clock"),
    ("names_reserved", "order"),
    ("names_reserved", "user"),
    ("names_reserved", "select"),
    ("names_reserved", "end"),
    ("names_non_ascii", "größe"),
    ("names_percent", "discount %"),
    ("names_colon", "a:b"),
    ("names_digit", "2nd"),
    ("names_long", "the_reason_that_the_customer_gave_for_the_cancellation"),
    ("names_longest", "a_column_whose_name_is_as_long_as_postgresql_allows_to_be_63byt"),
)


def plain_name(name: str) -> str:
    """Return a name with plain letters only, for Python."""
    found = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)
    return found.strip("_").lower() or "other"


def table_names(features: Features) -> st.SearchStrategy[str]:
    """Return the strategy of table names."""
    return _either(_PLAIN_TABLES, features.among(_TABLES))


def column_names(features: Features) -> st.SearchStrategy[str]:
    """Return the strategy of column names."""
    return _either(_PLAIN_COLUMNS, features.among(_COLUMNS))


def _either(plain: tuple[str, ...], awkward: object) -> st.SearchStrategy[str]:
    names = [*plain]
    assert isinstance(awkward, list)
    # One name in four is awkward, so that most schemas still have ordinary ones.
    return st.integers(0, 3).flatmap(lambda turn: st.sampled_from(awkward if turn == 3 and awkward else names))
