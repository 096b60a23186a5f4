"""Every spelling that people paste is read, and no error repeats what it read."""

from __future__ import annotations

import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry import errors
from tenantry.address import TLS, Address, Host

# Two halves, so that a password cut in the middle is seen as well.
SENTINEL = ("Zq7Xw9", "Kj4Rt2")


@pytest.mark.parametrize(
    "text",
    [
        "postgres://ada:pw@db:5433/shop",
        "postgresql://ada:pw@db:5433/shop",
        "POSTGRESQL://ada:pw@db:5433/shop",
        "postgresql+asyncpg://ada:pw@db:5433/shop",
        "postgresql+psycopg://ada:pw@db:5433/shop",
        "postgresql+psycopg2://ada:pw@db:5433/shop",
        "postgresql://db:5433/shop?user=ada&password=pw",
        "postgresql://ada:pw@/shop?host=db&port=5433",
        "postgresql://ada:pw@/shop?host=db:5433",
        "postgresql:///?host=db&port=5433&dbname=shop&user=ada&password=pw",
        "  postgresql://ada:pw@db:5433/shop\n",
        '"postgresql://ada:pw@db:5433/shop"',
        "host=db port=5433 user=ada password=pw dbname=shop",
        "host = db port = '5433' user=ada password='pw' dbname=shop sslmode=",
    ],
)
def test_one_address_has_many_spellings(text: str) -> None:
    address = Address.parse(text)
    assert address == Address((Host("db", 5433),), "shop", "ada", address.password)
    assert address.password is not None
    assert address.password.get_secret_value() == "pw"


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("postgresql://u@a/d", [Host("a", 5432)]),
        ("postgresql://u@a:1,b:2/d", [Host("a", 1), Host("b", 2)]),
        ("postgresql://u@a,b:2/d", [Host("a", 5432), Host("b", 2)]),
        ("postgresql://u@/d?host=a:1&host=b:2", [Host("a", 1), Host("b", 2)]),
        ("postgresql://u@/d?host=a,b&port=1,2", [Host("a", 1), Host("b", 2)]),
        ("postgresql://u@a,b/d?port=7", [Host("a", 7), Host("b", 7)]),
        ("postgresql://u@[::1]/d", [Host("::1", 5432)]),
        ("postgresql://u@[::1]:7,[2001:db8::2]:8/d", [Host("::1", 7), Host("2001:db8::2", 8)]),
        ("postgresql://u@[fe80::1%25eth0]:7/d", [Host("fe80::1%eth0", 7)]),
        ("host=::1 port=7 user=u dbname=d", [Host("::1", 7)]),
        ("postgresql://u@/d?host=/var/run/postgresql", [Host("/var/run/postgresql", 5432)]),
        ("postgresql://u@%2Fvar%2Frun%2Fpostgresql:7/d", [Host("/var/run/postgresql", 7)]),
        ("postgresql://u@localhost/d?host=/cloudsql/a:b:c", [Host("/cloudsql/a:b:c", 5432)]),
    ],
)
def test_hosts_are_paired_with_their_ports(text: str, hosts: list[Host]) -> None:
    assert Address.parse(text).hosts == tuple(hosts)


@pytest.mark.parametrize(
    ("text", "password"),
    [
        ("postgresql://u:p%40%3A%2F%3F%25%20@h/d", "p@:/?% "),
        ("postgresql://u:p@ss:w@h/d", "p@ss:w"),
        ("postgresql://u:a+b#c@h/d", "a+b#c"),
        ("postgresql://u@h/d?password=a+b%26c", "a+b&c"),
        (r"host=h user=u dbname=d password='it\'s a \\'", "it's a \\"),
        (r"host=h user=u dbname=d password=a\ b", "a b"),
    ],
)
def test_a_password_may_hold_any_character(text: str, password: str) -> None:
    """Percent-encoding and quoting are undone; a raw @ and : are taken where they can only belong to the password."""
    found = Address.parse(text).password
    assert found is not None
    assert found.get_secret_value() == password


@pytest.mark.parametrize(
    ("query", "tls"),
    [
        ("", TLS("prefer")),
        ("?sslmode=disable", TLS("disable")),
        ("?ssl=require", TLS("require")),
        ("?ssl=true", TLS("require")),
        ("?sslmode=verify-full&channel_binding=prefer", TLS("verify-full")),
        ("?sslrootcert=system", TLS("verify-full")),
        ("?sslmode=verify-ca&sslrootcert=/ca.pem", TLS("verify-ca", "/ca.pem")),
        ("?sslmode=require&sslcert=/c.pem&sslkey=/k.pem", TLS("require", None, "/c.pem", "/k.pem")),
    ],
)
def test_tls_is_read_from_libpq_and_asyncpg_words(query: str, tls: TLS) -> None:
    assert Address.parse(f"postgresql://u@h/d{query}").tls == tls


def test_parameters_are_kept() -> None:
    address = Address.parse(
        "postgresql://u@h/d?application_name=shop&options=-c%20work_mem%3D8MB&connect_timeout=3"
        "&target_session_attrs=read-write"
    )
    assert address.target_session_attrs == "read-write"
    assert address.parameters == {"application_name": "shop", "options": "-c work_mem=8MB", "connect_timeout": "3"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("localhost:5432/d", "is not a PostgreSQL address"),
        ("mysql://u:p@h/d", "is not a PostgreSQL address"),
        ("postgresql://h/d", "user is missing"),
        ("postgresql://u@/d", "host is missing"),
        ("postgresql://u@h", "dbname is missing"),
        ("postgresql://u@h:abc/d", "port must be a number from 1 to 65535"),
        ("postgresql://u@h:0/d", "port must be a number"),
        ("postgresql://u@h:65536/d", "port must be a number"),
        ("postgresql://u@h:\u0665/d", "port must be a number"),
        ("postgresql://u@a,b,c/d?port=1,2", "port must be one number, or one for each of the 3 hosts"),
        ("postgresql://u@a,,b/d", "host has an empty name"),
        ("postgresql://u@h h/d", "host must be"),
        ("postgresql://u:pa/ss@h/d", "has an @ after the first / or ?"),
        ("postgresql://u:pa?ss@h/d", "has an @ after the first / or ?"),
        ("postgresql://u@h/d/e", "second /"),
        ("postgresql://u:50%@h/d", "has a % that is not followed by two hexadecimal digits"),
        ("postgresql://u:%ff@h/d", "not UTF-8"),
        ("postgresql://u@h/d?sslmode=maybe", "sslmode must be one of disable, allow, prefer"),
        ("postgresql://u@h/d?sslmode=require&ssl=disable", "sslmode is given twice"),
        ("postgresql://u@h/d?sslrootcert=/ca.pem", "sslrootcert has no effect unless"),
        ("postgresql://u@h/d?sslmode=verify-ca", "sslrootcert is missing"),
        ("postgresql://u@h/d?sslmode=require&sslrootcert=system", "sslrootcert is 'system'"),
        ("postgresql://u@h/d?sslmode=require&sslcert=/c.pem", "sslcert and sslkey only work together"),
        ("postgresql://u@h/d?target_session_attrs=best", "target_session_attrs must be one of any"),
        ("postgresql://u@h/d?connect_timeout=soon", "connect_timeout must be a whole number"),
        ("postgresql://u@h/d?channel_binding=require", "channel_binding is not supported"),
        ("postgresql://u@h/d?pgbouncer=maybe", "unknown parameter pgbouncer"),
        ("postgresql://u@h/d?pgbouncer", "parameter without a value"),
        ("host=h user=u dbname=d hostaddr=::1", "has an unknown parameter"),
        ("host=h user=u dbname=d password='open", "is not of the form keyword=value"),
        ("host=h user=u dbname=d password='a\0b'", "password contains a NUL"),
    ],
)
def test_a_mistake_gets_one_sentence_that_names_the_variable(text: str, problem: str) -> None:
    with pytest.raises(errors.ConfigurationError) as caught:
        Address.parse(text, variable="SHOP_DATABASE_URL")
    sentence = caught.value.what
    assert sentence.startswith("SHOP_DATABASE_URL")
    assert problem in sentence
    assert sentence.count(". ") == 0
    assert caught.value.remedy
    assert caught.value.variable == "SHOP_DATABASE_URL"


def test_a_parameter_that_may_be_a_piece_of_the_password_is_not_named() -> None:
    """`password=a&b=c` was not encoded, `p?b=c` not either: in both b is a piece of the secret."""
    for text in (
        "postgresql://u@h/d?password=a&piece=c",
        "postgresql://u:p?piece=c/d",
        "password=a piece=c host=h",
        "passwort='piece=c' host=h",
        "user=u pasword=a piece=c",
    ):
        with pytest.raises(errors.ConfigurationError) as caught:
            Address.parse(text)
        assert "piece" not in str(caught.value)


WHOLE = "".join(SENTINEL)
VALID = (
    f"postgresql://u:{WHOLE}@h1:5432,[::1]:5433/d?sslmode=require&application_name=x",
    f"postgresql://h/d?user=u&password={WHOLE}&sslmode=require",
    f"host=h user=u password='{WHOLE}' dbname=d sslmode=require",
    f"host=h port=5432 password={WHOLE} user=u dbname=d",
)


@given(
    text=st.sampled_from(VALID),
    edits=st.lists(
        st.tuples(st.integers(0, 120), st.booleans(), st.sampled_from("/?#@:%&=[], '\"\\\n\0~x")),
        min_size=1,
        max_size=4,
    ),
)
def test_no_error_repeats_a_piece_of_the_password(text: str, edits: list[tuple[int, bool, str]]) -> None:
    """Whatever a slip of the hand did to the address, neither half of its password is in the traceback."""
    for place, is_replacing, character in edits:
        at = place % len(text)
        text = text[:at] + character + text[at + is_replacing :]
    error = parse_error(text)
    if error is not None:
        shown = "".join(traceback.format_exception(error))
        assert not any(half in shown for half in SENTINEL), shown
        assert error.__context__ is None


def parse_error(text: str) -> errors.ConfigurationError | None:
    try:
        Address.parse(text)
    except errors.ConfigurationError as error:
        return error
    return None
