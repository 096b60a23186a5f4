"""The table of where things stand in the space that searches look in; `tenantry.tenancy.nearest` searches it.

    class MessageEmbedding(EmbeddingRecord, Base):
        __tablename__ = "message_embeddings"
        __dimensions__ = 384
        __table_args__ = (PrimaryKeyConstraint("tenant_id", "message_id"), *by_direction("ix_message_embeddings"))

        message_id: Mapped[uuid.UUID]

A tenant's rows lie in one partition, each with an index of its own, so that a search meets few rows of other tenants
(docs/decisions/0012). It needs the extension `vector`, and the package pgvector.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pgvector.sqlalchemy import VECTOR
from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from tenantry.tenancy.declarations import TenantScoped
from tenantry.tenancy.timestamps import CreatedAt

__all__ = ["EmbeddingRecord", "by_direction"]


class EmbeddingRecord(TenantScoped, CreatedAt):
    """Mixin: `embedding`, a vector of `__dimensions__` numbers that are not all 0."""

    __partitions__: ClassVar[int] = 32
    __dimensions__: ClassVar[int]

    @declared_attr
    def embedding(cls) -> Mapped[list[float]]:  # noqa: N805  # it is called with the model.
        """The vector; its length does not matter to a search."""
        return mapped_column(VECTOR(cls.__dimensions__), nullable=False)


def by_direction(name: str) -> tuple[CheckConstraint, Index]:
    """Return the index by cosine distance, and the check that everything stands in it.

    The index leaves out what has no direction, so that it would never be found.
    """
    hnsw: dict[str, Any] = {"postgresql_using": "hnsw", "postgresql_ops": {"embedding": "vector_cosine_ops"}}
    return CheckConstraint("vector_norm(embedding) > 0", name="direction"), Index(name, "embedding", **hnsw)
