"""What consoles and other drivers give people to paste works as it is, or one sentence says the change that works.

The forms are those of the pages that docs/howto/configure-the-database.md links. Names and passwords are made up.
"""

from __future__ import annotations

import re
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry import errors
from tenantry.address import TLS, Address

NEON_HOST = "ep-cool-darkness-a1b2c3d4-pooler.us-east-2.aws.neon.tech"
NEON = f"postgresql://alex:Abc123dEf@{NEON_HOST}/neondb"
SUPABASE = "aws-0-eu-central-1.pooler.supabase.com"
SOCKET = "/cloudsql/shop-1:europe-west3:main"
JDBC = "jdbc:postgresql://db.example.com:5432/shop"

# Each pasted text with the host, the user, the database, the password and the mode that it means.
WORKING = {
    "neon": (f"{NEON}?sslmode=require", NEON_HOST, "alex", "require"),
    "neon, options": (f"{NEON}?sslmode=require&options=endpoint%3Dep-cool", NEON_HOST, "alex", "require"),
    "supabase direct": (
        "postgresql://postgres:Abc123dEf@db.abcdefghijklmnop.supabase.co:5432/postgres",
        "db.abcdefghijklmnop.supabase.co",
        "postgres",
        "prefer",
    ),
    "supabase session pooler": (
        f"postgres://postgres.abcdefgh:Abc123dEf@{SUPABASE}:5432/postgres",
        SUPABASE,
        "postgres.abcdefgh",
        "prefer",
    ),
    "supabase transaction pooler for prisma": (
        f'DATABASE_URL="postgresql://postgres.abcdefgh:Abc123dEf@{SUPABASE}:6543/postgres?pgbouncer=true"',
        SUPABASE,
        "postgres.abcdefgh",
        "prefer",
    ),
    "supabase psql": (
        f"psql -h {SUPABASE} -p 6543 -d postgres -U postgres.abcdefgh",
        SUPABASE,
        "postgres.abcdefgh",
        "prefer",
    ),
    "vercel": (
        f"postgres://postgres.abc:Abc123dEf@{SUPABASE}:6543/postgres?sslmode=require&supa=base-pooler.x",
        SUPABASE,
        "postgres.abc",
        "require",
    ),
    "rds psql": (
        (
            'psql "host=shop.abc.eu-west-1.rds.amazonaws.com port=5432 dbname=postgres user=postgres '
            'sslrootcert=/certs/global-bundle.pem sslmode=verify-full"'
        ),
        "shop.abc.eu-west-1.rds.amazonaws.com",
        "postgres",
        "verify-full",
    ),
    "rds jdbc": (
        (
            "jdbc:postgresql://shop.abc.eu-west-1.rds.amazonaws.com:5432/shop?user=app&password=Abc123dEf&ssl=true"
            "&sslmode=verify-full"
        ),
        "shop.abc.eu-west-1.rds.amazonaws.com",
        "app",
        "verify-full",
    ),
    "cloud sql, psycopg2": (f"postgresql+psycopg2://app:Abc123dEf@/shop?host={SOCKET}", SOCKET, "app", "prefer"),
    "cloud sql, prisma": (f"postgresql://app:Abc123dEf@localhost/shop?host={SOCKET}", SOCKET, "app", "prefer"),
    "cloud sql, pg8000": (
        f"postgresql+pg8000://app:Abc123dEf@/shop?unix_sock={SOCKET}/.s.PGSQL.5432",
        SOCKET,
        "app",
        "prefer",
    ),
    "azure url": (
        "postgresql://shopadmin%40shop:Abc123dEf@shop.postgres.database.azure.com/postgres?sslmode=require",
        "shop.postgres.database.azure.com",
        "shopadmin@shop",
        "require",
    ),
    "azure psql": (
        (
            'psql "host=shop.postgres.database.azure.com port=5432 dbname=postgres user=shopadmin '
            'password=Abc123dEf sslmode=require"'
        ),
        "shop.postgres.database.azure.com",
        "shopadmin",
        "require",
    ),
    "azure variables": (
        (
            "export PGHOST=shop.postgres.database.azure.com\nexport PGUSER=shopadmin\nexport PGPORT=5432\n"
            'export PGDATABASE=postgres\nexport PGPASSWORD="Abc123dEf"'
        ),
        "shop.postgres.database.azure.com",
        "shopadmin",
        "prefer",
    ),
    "heroku": (
        "DATABASE_URL: postgres://abcuser:Abc123dEf@ec2-1-2-3-4.compute-1.amazonaws.com:5432/d4bc",
        "ec2-1-2-3-4.compute-1.amazonaws.com",
        "abcuser",
        "prefer",
    ),
    "heroku, node": (
        "postgres://abcuser:Abc123dEf@ec2-1-2-3-4.compute-1.amazonaws.com/d4bc?sslmode=no-verify",
        "ec2-1-2-3-4.compute-1.amazonaws.com",
        "abcuser",
        "require",
    ),
    "heroku jdbc": (
        "jdbc:postgresql://ec2-1-2-3-4.amazonaws.com:5432/d4bc?password=Abc123dEf&sslmode=require&user=abcuser",
        "ec2-1-2-3-4.amazonaws.com",
        "abcuser",
        "require",
    ),
    "render": (
        "postgresql://shop_user:Abc123dEf@dpg-abc-a.frankfurt-postgres.render.com/shop_x1",
        "dpg-abc-a.frankfurt-postgres.render.com",
        "shop_user",
        "prefer",
    ),
    "render psql": (
        "PGPASSWORD=Abc123dEf psql -h dpg-abc-a.frankfurt-postgres.render.com -U shop_user shop_x1",
        "dpg-abc-a.frankfurt-postgres.render.com",
        "shop_user",
        "prefer",
    ),
    "fly": (
        "  DATABASE_URL=postgres://shop:Abc123dEf@shop-db.flycast:5432/shop?sslmode=disable\n",
        "shop-db.flycast",
        "shop",
        "disable",
    ),
    "fly psql": ("psql postgres://postgres:Abc123dEf@app.internal:5432/shop", "app.internal", "postgres", "prefer"),
    "prisma": (
        "postgresql://ada:Abc123dEf@db.example.com:5432/shop?schema=public&pgbouncer=true&connect_timeout=10",
        "db.example.com",
        "ada",
        "prefer",
    ),
    "jdbc": (f"{JDBC}?user=ada&password=Abc123dEf&ssl=true", "db.example.com", "ada", "verify-full"),
    "jdbc, more": (
        f"{JDBC}?user=ada&password=Abc123dEf&sslmode=require&ApplicationName=x&prepareThreshold=0&currentSchema=public",
        "db.example.com",
        "ada",
        "require",
    ),
    "neon psql": (f"psql '{NEON}?sslmode=require'", NEON_HOST, "alex", "require"),
    "export": (f"export DATABASE_URL='{NEON}?sslmode=require'", NEON_HOST, "alex", "require"),
    "powershell": (f'$env:DATABASE_URL="{NEON}?sslmode=require"', NEON_HOST, "alex", "require"),
    "named keywords": ("DATABASE_URL='host=db user=ada password=Abc123dEf dbname=shop'", "db", "ada", "prefer"),
    "libpq": (
        (
            "postgresql://ada:Abc123dEf@db:5432/shop?sslmode=require&keepalives=1&keepalives_idle=30&keepalives_interval=10"
            "&keepalives_count=5&gssencmode=disable&sslnegotiation=postgres&channel_binding=prefer&tcp_user_timeout=1000"
        ),
        "db",
        "ada",
        "require",
    ),
    "asyncpg": (
        "postgresql+asyncpg://ada:Abc123dEf@db/shop?ssl=require&prepared_statement_cache_size=0&statement_cache_size=0",
        "db",
        "ada",
        "require",
    ),
}


@pytest.mark.parametrize("name", WORKING)
def test_it_works_as_pasted(name: str) -> None:
    text, host, user, mode = WORKING[name]
    address = Address.parse(text)
    assert [one.name for one in address.hosts] == [host]
    assert (address.user, address.tls.mode) == (user, mode)
    has_password = "Abc123dEf" in text
    assert (address.password.get_secret_value() if address.password else None) == (
        "Abc123dEf" if has_password else None
    )
    assert Address.parse(address.url.get_secret_value()) == address


REFUSED = {
    "neon": f"{NEON}?sslmode=require&channel_binding=require",
    "neon psql": f"psql '{NEON}?sslmode=require&channel_binding=require'",
    "neon env": f'DATABASE_URL="{NEON}?sslmode=require&channel_binding=require"',
    "prisma, pool": "postgresql://ada:Abc123dEf@db/shop?pgbouncer=true&connection_limit=1",
    "prisma, pool timeout": "postgresql://ada:Abc123dEf@db/shop?pool_timeout=20",
    "prisma, socket timeout": "postgresql://ada:Abc123dEf@db/shop?socket_timeout=20",
    "prisma, schema": "postgresql://ada:Abc123dEf@db/shop?schema=sales",
    "prisma, tls": "postgresql://ada:Abc123dEf@db/shop?sslmode=require&sslaccept=strict",
    "jdbc, servers": f"{JDBC}?user=ada&password=Abc123dEf&targetServerType=primary",
    "jdbc, schema": f"{JDBC}?user=ada&password=Abc123dEf&currentSchema=sales",
    "gssapi": "postgresql://ada:Abc123dEf@db/shop?sslmode=require&gssencmode=require",
    "direct without tls": "postgresql://ada:Abc123dEf@db/shop?sslnegotiation=direct",
    "fragment": "postgresql://ada:Abc123dEf@db/shop#main",
    "fragment after parameters": "postgresql://ada:Abc123dEf@db/shop?sslmode=require#main",
    "cloud sql jdbc": (
        "jdbc:postgresql:///shop?cloudSqlInstance=a:b:c&socketFactory=com.google.cloud.sql.postgres.SocketFactory"
        "&user=ada&password=Abc123dEf"
    ),
}


def apply(remedy: str, text: str) -> str:
    """Do literally what the remedy says: remove parameters, then set or add others."""
    if remedy.startswith("Remove the #"):
        return re.sub(r"#\w+", "", text)
    removed = re.match(r"Remove ([\w, ]+?)(?:, and (?:set|add)|\.|:)", remedy)
    names = re.findall(r"[A-Za-z_]+", removed[1]) if removed else []
    if names == ["it"]:
        names = [
            "schema|pool_timeout|socket_timeout|connection_limit|targetServerType|currentSchema|cloudSqlInstance|socketFactory"
        ]
    for name in names:
        text = re.sub(rf"(?<=[?&])({name})=[^&'\"]*&?", "", text)
    text = re.sub(r"[?&]+(?=['\"]?$)", "", text)
    for name, value in re.findall(r"(?:[Ss]et|add) (\w+)=([^\s,:]+(?::REGION:INSTANCE)?)", remedy):
        text = re.sub(rf"(?<=[?&]){name}=[^&'\"]*&?", "", text)
        quote = text[-1] if text[-1] in "'\"" else ""
        body = text.removesuffix(quote).rstrip("?&")
        text = f"{body}{'&' if '?' in body else '?'}{name}={value.rstrip('.')}{quote}"
    return text


@pytest.mark.parametrize("name", REFUSED)
def test_one_sentence_says_what_to_change_and_the_change_works(name: str) -> None:
    text = REFUSED[name]
    with pytest.raises(errors.ConfigurationError) as caught:
        Address.parse(text, variable="SHOP_DATABASE_URL")
    assert caught.value.what.startswith("SHOP_DATABASE_URL")
    assert "Abc123dEf" not in str(caught.value)
    changed = apply(caught.value.remedy, text)
    assert changed != text
    address = Address.parse(changed)
    assert address.password is not None
    assert address.password.get_secret_value() == "Abc123dEf"
    if "channel_binding=require" in text or "sslaccept=strict" in text or "gssencmode=require" in text:
        assert address.tls == TLS("verify-full")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"postgresql://postgres.abc:[YOUR-PASSWORD]@{SUPABASE}:5432/postgres", "password is the placeholder"),
        ('psql "host=h dbname=d user=u password={your_password} sslmode=require"', "password is the placeholder"),
        ('export PGHOST=h\nexport PGUSER=u\nexport PGDATABASE=d\nexport PGPASSWORD="{your-password}"', "placeholder"),
        ("postgresql://fly-user:YOUR_PASSWORD@direct.x.flympg.net/fly-db", "password is the placeholder"),
        ("postgresql://u:<password>@h/d", "password is the placeholder"),
        ("postgresql://u:************@h/d", "password is the placeholder"),
        ("Server=h;Database=d;Port=5432;User Id=u;Password=x;Ssl Mode=Require;", "is an address of ADO.NET"),
        ("psql -h h -U u -d d -c 'SELECT 1'", "has an option that is not part of an address"),
        ("psql 'postgresql://u@h/d", "has an unbalanced quote"),
        ("psql", "is not a PostgreSQL address"),
        ("jdbc:mysql://h/d", "is not a PostgreSQL address"),
        (f"{JDBC}?user=u&password=x&ssl=true&sslmode=disable", "contradicts ssl=true"),
    ],
)
def test_what_cannot_work_is_said(text: str, problem: str) -> None:
    with pytest.raises(errors.ConfigurationError) as caught:
        Address.parse(text)
    assert problem in caught.value.what or problem.replace("has an", "with an") in caught.value.what
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("-c+search_path%3Dsales", "-c search_path=sales"),
        ("-c%20search_path=sales", "-c search_path=sales"),
        ("-csearch_path%3Dsales", "-csearch_path=sales"),
        ("-c+search_path=sales+-c+work_mem=8MB", "-c search_path=sales -c work_mem=8MB"),
        ("--search_path=sales+--work_mem=8MB", "--search_path=sales --work_mem=8MB"),
        # A plus sign in a value stays.
        ("-c+timezone=GMT+3", "-c timezone=GMT+3"),
    ],
)
def test_a_plus_sign_between_options_is_a_blank(written: str, meant: str) -> None:
    assert Address.parse(f"postgresql://u@h/d?options={written}").parameters["options"] == meant


def test_a_plus_sign_is_a_blank_in_jdbc_and_itself_elsewhere() -> None:
    for scheme, password in (("jdbc:postgresql", "a b"), ("postgresql", "a+b")):
        found = Address.parse(f"{scheme}://h/d?user=u&password=a+b").password
        assert found is not None
        assert found.get_secret_value() == password


def test_a_direct_negotiation_is_kept() -> None:
    """It begins with TLS, and names the protocol to the server."""
    address = Address.parse("postgresql://u@h/d?sslmode=require&sslnegotiation=direct")
    assert address.tls == TLS("require", is_direct=True)
    assert Address.parse(address.url.get_secret_value()) == address
    assert address.libpq_environment()["PGSSLNEGOTIATION"] == "direct"


def test_tls_is_never_weaker_than_what_was_pasted() -> None:
    """No accepted parameter lowers the mode."""
    modes = ("disable", "allow", "prefer", "require", "verify-full")
    for mode in modes:
        for more in ("", "&sslaccept=accept_invalid_certs", "&uselibpqcompat=true", "&channel_binding=prefer"):
            assert Address.parse(f"postgresql://u@h/d?sslmode={mode}{more}").tls.mode == mode
    for mode in ("require", "verify-full"):
        for text in (f"ssl=true&sslmode={mode}", f"sslmode={mode}&ssl=true"):
            assert Address.parse(f"postgresql://u@h/d?{text}").tls.mode == mode


SECRET = ("Zq7Xw9", "Kj4Rt2")
WRAPPED = (
    "psql 'postgresql://u:Zq7Xw9Kj4Rt2@h:5432/d?sslmode=require'",
    "PGPASSWORD=Zq7Xw9Kj4Rt2 psql -h h -p 5432 -U u d",
    'export DATABASE_URL="postgresql://u:Zq7Xw9Kj4Rt2@h/d?options=-c+search_path%3Dx"',
    "jdbc:postgresql://h:5432/d?user=u&password=Zq7Xw9Kj4Rt2&ssl=true",
)


@given(
    text=st.sampled_from(WRAPPED),
    edits=st.lists(
        st.tuples(st.integers(0, 100), st.booleans(), st.sampled_from("/?#@:%&=[],+-'\"\\\n\0~x")), max_size=4
    ),
)
def test_no_error_repeats_a_piece_of_the_password(text: str, edits: list[tuple[int, bool, str]]) -> None:
    for place, is_replacing, character in edits:
        at = place % len(text)
        text = text[:at] + character + text[at + is_replacing :]
    error = parse_error(text)
    if error is not None:
        shown = "".join(traceback.format_exception(error))
        assert not any(half in shown for half in SECRET), shown
        assert error.__context__ is None


def parse_error(text: str) -> errors.ConfigurationError | None:
    try:
        Address.parse(text)
    except errors.ConfigurationError as error:
        return error
    return None
