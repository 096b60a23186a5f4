"""Encrypted columns: ciphertext in the database, text on the entity, and nothing opens in another place."""

from __future__ import annotations

import pytest
from bookshop import KEYS, Author, Base, Book, Publisher, open_database, settings_for
from sqlalchemy import insert, select, text, update

from tenantry import Address, Database, KeyRing, Sealed, errors
from tenantry.tenancy.encrypted_text import check_needs_no_keys

SECRET = "the butler did it"


async def add_note(shop: Database, tenant: str, notes: str | None = SECRET) -> Book:
    async with shop.tenant(tenant) as session:
        book = Book(title="T", author=Author(name="A"), notes=notes)
        session.add(book)
    return book


async def stored(shop: Database) -> list[str]:
    async with shop.admin(reason="test: look at rest") as session:
        return [row[0] for row in await session.execute(text("SELECT notes FROM books ORDER BY created_at"))]


async def test_only_ciphertext_is_stored(shop: Database) -> None:
    await add_note(shop, "acme")
    await add_note(shop, "acme")
    first, second = await stored(shop)
    assert SECRET not in first
    assert first != second
    assert first.startswith("v1.")


async def test_an_entity_opens_its_columns_on_every_load(shop: Database) -> None:
    book = await add_note(shop, "acme")
    async with shop.tenant("acme") as session:
        loaded = await session.get_one(Book, book.id)
        assert loaded.notes == SECRET
        session.expire(loaded)
        await session.refresh(loaded)
        assert loaded.notes == SECRET
        assert loaded not in session.dirty
        assert [row.notes for row in await session.scalars(select(Book))] == [SECRET]


async def test_admin_work_opens_each_row_with_its_own_tenant(shop: Database) -> None:
    await add_note(shop, "acme", "a")
    await add_note(shop, "globex", "g")
    async with shop.admin(reason="test: both") as session:
        rows = await session.scalars(select(Book))
        assert {row.tenant_id: row.notes for row in rows} == {"acme": "a", "globex": "g"}


async def test_core_and_bulk_writes_are_sealed_too(shop: Database) -> None:
    book = await add_note(shop, "acme", None)
    async with shop.tenant("acme") as session:
        await session.execute(update(Base.metadata.tables["books"]).values(notes="core"))
        await session.execute(insert(Book), [{"title": "b", "author_id": book.author_id, "notes": "bulk"}])
        assert {row.notes for row in await session.scalars(select(Book))} == {"core", "bulk"}
    assert all(value.startswith("v1.") for value in await stored(shop))


async def test_a_core_row_gives_the_sealed_form(shop: Database) -> None:
    await add_note(shop, "acme")
    async with shop.tenant("acme") as session:
        sealed = await session.scalar(select(Book.__table__.c.notes))
    assert isinstance(sealed, Sealed)
    assert sealed.open(KEYS, "acme") == SECRET


@pytest.mark.parametrize("place", ["tenant", "table"])
async def test_a_moved_ciphertext_does_not_open(shop: Database, place: str) -> None:
    """Copied by someone with full rights into another tenant's row, or another table, it is refused."""
    await add_note(shop, "acme")
    await add_note(shop, "globex", "own")
    async with shop.admin(reason="test: move") as session:
        theirs = "(SELECT notes FROM books WHERE tenant_id = 'acme')"
        if place == "tenant":
            move = f"UPDATE books SET notes = {theirs} WHERE tenant_id = 'globex'"
        else:
            move = "INSERT INTO publishers (tenant_id, token) SELECT tenant_id, notes FROM books"
        await session.execute(text(move))
    with pytest.raises(errors.DecryptionFailed):
        async with shop.tenant("globex") as session:
            await session.scalars(select(Book if place == "tenant" else Publisher))


async def test_a_damaged_ciphertext_does_not_open(shop: Database) -> None:
    await add_note(shop, "acme")
    async with shop.admin(reason="test: damage") as session:
        await session.execute(text("UPDATE books SET notes = overlay(notes placing 'AAAA' from 20)"))
    with pytest.raises(errors.DecryptionFailed):
        async with shop.tenant("acme") as session:
            await session.scalars(select(Book))


async def test_another_key_does_not_open(shop: Database, shop_address: Address) -> None:
    await add_note(shop, "acme")
    async with open_database(settings_for(shop_address, encryption_keys=KeyRing.generate().text)) as stranger:
        with pytest.raises(errors.DecryptionFailed):
            async with stranger.tenant("acme") as session:
                await session.scalars(select(Book))


async def test_without_keys_nothing_is_written_in_the_clear(shop_address: Address) -> None:
    async with open_database(settings_for(shop_address, encryption_keys=None)) as shop:
        with pytest.raises(Exception, match="no encryption key is configured"):
            await add_note(shop, "acme")


def test_a_service_with_encrypted_columns_is_told_to_have_keys() -> None:
    with pytest.raises(errors.ConfigurationError, match="SHOP_KEYS is not set"):
        check_needs_no_keys(Base.metadata, "SHOP_KEYS")


async def test_an_old_key_still_opens_after_rotation(shop: Database, shop_address: Address) -> None:
    await add_note(shop, "acme")
    rotated = KEYS.rotate("k2")
    async with open_database(settings_for(shop_address, encryption_keys=rotated.text)) as later:
        await add_note(later, "acme", "new")
        async with later.tenant("acme") as session:
            assert {row.notes for row in await session.scalars(select(Book))} == {SECRET, "new"}
        first, second = await stored(later)
    assert (first.split(".")[1], second.split(".")[1]) == ("k1", "k2")


async def test_admin_seals_for_a_named_tenant(shop: Database) -> None:
    """Across tenants nothing tells whose key place it is, so the row's tenant is named."""
    with pytest.raises(Exception, match="without a tenant"):
        async with shop.admin(reason="test: refuse") as session:
            session.add(Publisher(tenant_id="acme", token="t"))
    async with shop.admin(reason="test: seal") as session:
        session.add(Publisher(tenant_id="acme", token=Sealed.seal("t", KEYS, Publisher.token, "acme")))
    async with shop.tenant("acme") as session:
        assert [row.token for row in await session.scalars(select(Publisher))] == ["t"]


def test_an_encrypted_column_cannot_be_compared() -> None:
    with pytest.raises(errors.TenancyError, match="cannot be used with the operator eq"):
        select(Book).where(Book.notes == SECRET)
