"""A unit of work sees and touches one tenant's rows, on every path that SQLAlchemy has to the database."""

from __future__ import annotations

import asyncio
import logging
import random

import pytest
from bookshop import Author, Base, Book, Currency, Publisher, open_database, settings_for
from sqlalchemy import Executable, delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import selectinload

from tenantry import Address, Database, ReadSession, Roles, TenantSession, errors
from tenantry.postgres.sqlstate import sqlstate_of

TENANT = text("SELECT current_setting('app.current_tenant_id', true)")


async def add_book(shop: Database, tenant: str, title: str = "Title") -> Book:
    async with shop.tenant(tenant) as session:
        book = Book(title=title, author=Author(name=f"Author of {title}"))
        session.add(book)
    return book


async def titles(shop: Database, tenant: str) -> list[str]:
    async with shop.tenant(tenant, read_only=True) as session:
        return list(await session.scalars(select(Book.title).order_by(Book.title)))


async def test_the_tenant_is_filled_by_the_database(shop: Database) -> None:
    book = await add_book(shop, "acme")
    assert book.tenant_id == "acme"


async def test_it_commits_on_leaving_and_rolls_back_on_an_error(shop: Database) -> None:
    await add_book(shop, "acme", "kept")
    with pytest.raises(RuntimeError):
        async with shop.tenant("acme") as session:
            session.add(Book(title="lost", author=Author(name="nobody")))
            await session.flush()
            raise RuntimeError
    assert await titles(shop, "acme") == ["kept"]


async def test_no_tenant_sees_another_ones_rows(shop: Database) -> None:
    await add_book(shop, "acme", "A")
    await add_book(shop, "globex", "G")
    assert await titles(shop, "acme") == ["A"]
    assert await titles(shop, "globex") == ["G"]
    assert await titles(shop, "a") == []


async def test_every_orm_path_is_bound(shop: Database) -> None:
    """Flush, get, refresh, lazy and eager load, stream, ORM update and delete: none passes the tenant by."""
    theirs = await add_book(shop, "acme")
    async with shop.tenant("globex") as session:
        assert await session.get(Book, theirs.id) is None
        assert await session.get(Book, {"id": theirs.id}) is None
        assert (await session.scalars(select(Book).options(selectinload(Book.author)))).all() == []
        assert [row async for row in await session.stream_scalars(select(Book))] == []
        assert (await session.execute(update(Book).values(title="x"))).rowcount == 0  # type: ignore[attr-defined]
        assert (await session.execute(delete(Book))).rowcount == 0  # type: ignore[attr-defined]
    async with shop.tenant("acme") as session:
        mine = await session.get_one(Book, theirs.id)
        assert (await mine.awaitable_attrs.author if hasattr(mine, "awaitable_attrs") else True) is not None
        await session.refresh(mine, ["author"])
        assert mine.author.name
        await session.refresh(mine)
        assert mine.title == "Title"


async def test_a_stale_entity_cannot_be_flushed_into_another_tenant(shop: Database) -> None:
    """An entity loaded for one tenant and changed in another's session touches no row."""
    theirs = await add_book(shop, "acme")
    with pytest.raises(Exception, match="expected to update 1 row"):
        async with shop.tenant("globex") as session:
            session.add(theirs)
            theirs.title = "stolen"
    assert await titles(shop, "acme") == ["Title"]


async def test_core_is_bound(shop: Database) -> None:
    await add_book(shop, "acme")
    books = Base.metadata.tables["books"]
    async with shop.tenant("globex") as session:
        connection = await session.connection()
        assert (await connection.execute(select(books))).all() == []
        assert (await connection.execute(select(func.count()).select_from(books))).scalar_one() == 0
        assert (await connection.execute(update(books).values(title="x"))).rowcount == 0
        assert (await connection.execute(text("SELECT count(*) FROM books"))).scalar_one() == 0
        raw = await connection.get_raw_connection()
        assert raw.driver_connection is not None
        assert await raw.driver_connection.fetchval("SELECT count(*) FROM books") == 0


async def test_a_row_of_another_tenant_cannot_be_written(shop: Database) -> None:
    for statement in (
        insert(Author).values(tenant_id="acme", name="forged"),
        insert(Base.metadata.tables["authors"]).values(tenant_id="acme", name="forged"),
        text("INSERT INTO authors (tenant_id, name) VALUES ('acme', 'forged')"),
    ):
        with pytest.raises(DBAPIError) as caught:
            async with shop.tenant("globex") as session:
                await session.execute(statement)
        assert sqlstate_of(caught.value) == "42501"


async def test_a_row_cannot_be_given_to_another_tenant(shop: Database) -> None:
    await add_book(shop, "acme")
    with pytest.raises(DBAPIError) as caught:
        async with shop.tenant("acme") as session:
            await session.execute(update(Author).values(tenant_id="globex"))
    assert sqlstate_of(caught.value) in {"42501", "23503"}


async def test_another_tenants_row_cannot_be_referred_to(shop: Database) -> None:
    theirs = await add_book(shop, "acme")
    with pytest.raises(IntegrityError):
        async with shop.tenant("globex") as session:
            session.add(Book(title="parasite", author_id=theirs.author_id))


async def test_the_binding_survives_commit_rollback_and_savepoints(shop: Database) -> None:
    """Each transaction of a session is bound anew."""
    async with shop.tenant("acme") as session:
        for end in (session.commit, session.rollback):
            assert await session.scalar(TENANT) == "acme"
            await end()
        async with session.begin_nested():
            assert await session.scalar(TENANT) == "acme"
        with pytest.raises(DBAPIError):
            async with session.begin_nested():
                await session.execute(text("SELECT 1/0"))
        assert await session.scalar(TENANT) == "acme"


async def test_nothing_is_left_on_the_connection(shop: Database) -> None:
    """After commit, rollback, an error and a cancellation the pool's only connection knows no tenant."""
    seen: set[int] = set()
    for ending in ("commit", "rollback", "error", "cancel"):
        try:
            async with shop.tenant("acme") as session, asyncio.timeout(0.05 if ending == "cancel" else 10):
                assert await session.scalar(TENANT) == "acme"
                if ending == "rollback":
                    await session.rollback()
                if ending == "error":
                    await session.execute(text("SELECT 1/0"))
                if ending == "cancel":
                    await session.execute(text("SELECT pg_sleep(5)"))
        except (DBAPIError, TimeoutError):
            pass
        async with shop.engine.connect() as connection:
            assert (await connection.execute(TENANT)).scalar() in {None, ""}
            raw = await connection.get_raw_connection()
            assert raw.driver_connection is not None
            assert raw.driver_connection.preamble == ""
            seen.add(raw.driver_connection.get_server_pid())
    assert len(seen) <= 2


async def test_nested_scopes_keep_their_tenants(shop: Database) -> None:
    await add_book(shop, "acme", "A")
    await add_book(shop, "globex", "G")
    async with shop.tenant("acme") as outer, shop.tenant("globex") as inner:
        assert list(await inner.scalars(select(Book.title))) == ["G"]
        assert list(await outer.scalars(select(Book.title))) == ["A"]
        assert list(await inner.scalars(select(Book.title))) == ["G"]


async def test_interleaved_tasks_never_read_each_other(shop_address: Address) -> None:
    """Many tasks over few connections, with errors and cancellations between: every row belongs to its reader."""
    settings = settings_for(shop_address, database_pool_size=2, database_max_overflow=1, database_pool_timeout=60)
    async with open_database(settings) as shop:
        for number in range(8):
            await add_book(shop, f"tenant-{number}", str(number))
        checks = 0

        async def work(number: int) -> None:
            nonlocal checks
            dice = random.Random(number)
            for _ in range(50):
                async with shop.tenant(f"tenant-{number}") as session:
                    assert list(await session.scalars(select(Book.title))) == [str(number)]
                    checks += 1
                    if dice.random() < 0.2:
                        await session.rollback()
                        assert await session.scalar(text("SELECT string_agg(title, ',') FROM books")) == str(number)
                        checks += 1

        async def disturb(number: int) -> None:
            for _ in range(25):
                try:
                    async with shop.tenant(f"tenant-{number}") as session, asyncio.timeout(0.002):
                        await session.execute(text("SELECT pg_sleep(0.01)"))
                except (TimeoutError, DBAPIError):
                    pass

        await asyncio.gather(*(work(number) for number in range(8)), *(disturb(number) for number in range(4)))
        assert checks >= 400


@pytest.mark.parametrize("missing", [None, "", " "])
async def test_a_missing_tenant_is_refused_before_anything_is_sent(shop: Database, missing: str | None) -> None:
    with pytest.raises(errors.TenantRequired):
        async with shop.tenant(missing):
            pass


async def test_tenant_tables_need_a_tenant_on_every_path(shop: Database) -> None:
    """Without a tenant the statement is refused here, and nothing is sent: not even BEGIN."""
    attempts: list[Executable] = [
        select(Book),
        select(Book.__table__),
        select(Currency).where(Currency.code.in_(select(Book.title))),
        text("SELECT * FROM books"),
        text('SELECT * FROM "public"."books"'),
        text(r'SELECT * FROM U&"\0062ooks"'),
        insert(Author).values(name="x"),
        update(Book).values(title="x"),
        delete(Book),
    ]
    for statement in attempts:
        with pytest.raises(errors.TenantRequired):
            async with shop.session() as session:
                await session.execute(statement)
        with pytest.raises(errors.TenantRequired):
            async with shop.engine.connect() as connection:
                await connection.execute(statement)
        with pytest.raises(errors.TenantRequired):
            async with shop.session(read_only=True) as reading:
                await (await reading.connection()).execute(statement)
    with pytest.raises(errors.TenantRequired):
        async with shop.session() as session:
            session.add(Author(name="x"))


async def test_should_a_statement_get_there_the_database_gives_no_row(shop: Database) -> None:
    """The second line: a view, a function or a raw driver call without a tenant meets the policy."""
    await add_book(shop, "acme")
    async with shop.engine.connect() as connection:
        raw = await connection.get_raw_connection()
        assert raw.driver_connection is not None
        assert await raw.driver_connection.fetchval("SELECT count(*) FROM books") == 0


async def test_shared_rows_need_no_tenant_and_cannot_be_written(shop: Database) -> None:
    async with shop.admin(reason="test: currencies") as session:
        session.add(Currency(code="EUR"))
    async with shop.session(read_only=True) as session:
        assert list(await session.scalars(select(Currency.code))) == ["EUR"]
    with pytest.raises(DBAPIError) as caught:
        async with shop.session() as writing:
            writing.add(Currency(code="USD"))
    assert sqlstate_of(caught.value) == "42501"


async def test_autocommit_with_a_tenant_is_refused(shop: Database) -> None:
    """There a SET LOCAL would end with its own statement, and the next one would run unbound."""
    async with shop.tenant("acme") as session:
        with pytest.raises(errors.AutocommitRefused):
            await session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})


async def test_a_read_only_unit_of_work_is_another_type_and_cannot_write(shop: Database) -> None:
    async with shop.tenant("acme", read_only=True) as session:
        assert isinstance(session, ReadSession)
        assert TenantSession not in type(session).__mro__
        assert not hasattr(session, "add")
        with pytest.raises(errors.ReadOnly):
            await session.execute(insert(Author).values(name="x"))
        with pytest.raises(DBAPIError) as caught:
            await session.execute(text("INSERT INTO authors (name) VALUES ('x')"))
        assert sqlstate_of(caught.value) == "25006"


async def test_the_next_writer_is_not_read_only(shop: Database) -> None:
    async with shop.tenant("acme", read_only=True) as session:
        await session.scalar(select(func.count()).select_from(Book))
    assert (await add_book(shop, "acme")).id


async def test_admin_work_crosses_tenants_and_leaves_its_reason(
    shop: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await add_book(shop, "acme")
    await add_book(shop, "globex")
    with caplog.at_level(logging.WARNING, "tenantry.database"):
        async with shop.admin(reason="nightly retention") as session:
            assert await session.scalar(select(func.count()).select_from(Book)) == 2
    assert [record.reason for record in caplog.records] == ["nightly retention"]  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="reason of an admin session is empty"):
        async with shop.admin(reason=" "):
            pass


async def test_a_tenant_root_sees_itself_only(shop: Database) -> None:
    async with shop.admin(reason="test: publishers") as session:
        session.add_all([Publisher(tenant_id="acme"), Publisher(tenant_id="globex")])
    async with shop.tenant("acme") as session:
        assert [row.tenant_id for row in await session.scalars(select(Publisher))] == ["acme"]


async def test_the_binding_costs_no_round_trip(shop: Database) -> None:
    """BEGIN and SET LOCAL are one message: the server has run the SET before the first statement arrives."""
    async with shop.tenant("acme") as session:
        raw = await (await session.connection()).get_raw_connection()
        driver = raw.driver_connection
        assert driver is not None
        queries: list[str] = []
        driver.add_query_logger(lambda record: queries.append(record.query))
        assert await session.scalar(TENANT) == "acme"
    begin, *_ = queries
    assert begin.startswith("BEGIN; RESET ")
    assert begin.endswith("; COMMIT; BEGIN; SET LOCAL app.current_tenant_id = 'acme';")
    assert sum("SET LOCAL" in query for query in queries) == 1


@pytest.mark.parametrize("role", ["postgres", "bookshop_owner", "bookshop_admin"])
async def test_an_unsafe_role_does_not_serve(shop_address: Address, role: str) -> None:
    """A superuser, the owner and a role with BYPASSRLS would make every policy a comment."""
    settings = settings_for(shop_address, database_url=shop_address.url)
    with pytest.raises(errors.UnsafeRole, match=role):
        async with open_database(settings, Roles(owner="owner", application=role, admin="other")):
            pass


async def test_a_superusers_login_serves_as_the_application_role(
    shop_address: Address, caplog: pytest.LogCaptureFixture
) -> None:
    """With one address the roles are taken on by SET ROLE: isolated, and the weakness is told."""
    settings = settings_for(shop_address, database_url=shop_address.url, admin_database_url=None)
    with caplog.at_level(logging.WARNING, "tenantry.database"):
        async with open_database(settings) as shop:
            await add_book(shop, "acme")
            assert await titles(shop, "globex") == []
            async with shop.admin(reason="test: set role") as session:
                assert await session.scalar(select(func.count()).select_from(Book)) == 1
    assert any("superuser" in getattr(record, "weakness", "") for record in caplog.records)
