from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import Index, PrimaryKeyConstraint, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, Mapped
from sqlalchemy.schema import CreateIndex, CreateTable

from tenantry import TenantBase
from tenantry.fastapi.embedding_record import EmbeddingRecord, by_direction
from tenantry.tenancy.declarations import declaration_of
from tenantry.tenancy.rules import check_declarations

DIALECT: Any = postgresql


class Base(TenantBase, DeclarativeBase):
    pass


class Place(EmbeddingRecord, Base):
    __tablename__ = "places"
    __dimensions__ = 3
    __table_args__ = (PrimaryKeyConstraint("tenant_id", "item_id"), *by_direction("ix_places_embedding"))

    item_id: Mapped[uuid.UUID]


class Picture(EmbeddingRecord, Base):
    __tablename__ = "pictures"
    __dimensions__ = 512
    __partitions__ = 8
    __table_args__ = (PrimaryKeyConstraint("tenant_id", "item_id"), *by_direction("ix_pictures_embedding"))

    item_id: Mapped[uuid.UUID]


TABLES = Base.metadata.tables


def ddl(table: Table) -> str:
    return str(CreateTable(table).compile(dialect=DIALECT.dialect()))


def test_each_table_has_its_own_number_of_dimensions() -> None:
    assert "embedding VECTOR(3) NOT NULL" in ddl(TABLES["places"])
    assert "embedding VECTOR(512) NOT NULL" in ddl(TABLES["pictures"])


def test_a_tenants_vectors_lie_in_one_partition() -> None:
    """In the declaration, which makes the partitions, and in the table's own DDL."""
    assert [declaration_of(TABLES[name]).partitions for name in ("places", "pictures")] == [32, 8]
    assert 'PARTITION BY HASH ("tenant_id")' in ddl(TABLES["places"])
    check_declarations(Base.metadata)


def test_the_index_is_by_direction_and_holds_every_row() -> None:
    """What the index would leave out, the table refuses."""
    (index,) = (index for index in TABLES["places"].indexes if index.name == "ix_places_embedding")
    assert isinstance(index, Index)
    created = str(CreateIndex(index).compile(dialect=DIALECT.dialect()))
    assert created.endswith("USING hnsw (embedding vector_cosine_ops)")
    assert "CHECK (vector_norm(embedding) > 0)" in ddl(TABLES["places"])
