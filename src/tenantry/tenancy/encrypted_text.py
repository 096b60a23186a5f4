"""`EncryptedText`: a column whose text is encrypted in the process, before it is sent to the database.

AES-256-GCM encrypts each value, with its place (table, column, tenant) as associated data. So a ciphertext that was
copied to another column or tenant is not decrypted. Values are encrypted when parameters are bound, so flush, bulk and
Core statements all write ciphertext. Values are decrypted when an entity is loaded, because only then the row's tenant
is known. A Core row has a `Sealed` value, whose `open` takes the tenant.

Equal texts have different ciphertexts, so comparisons, sorting and indexes of the column are useless.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ColumnClause, ColumnElement, Dialect, MetaData, Text, event
from sqlalchemy.orm import Mapper, object_session
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.sql.operators import OperatorType, eq
from sqlalchemy.types import TypeDecorator

from tenantry import errors
from tenantry.secrets.key_ring import KeyRing
from tenantry.tenancy.scope import Scope, executing
from tenantry.tenancy.unit_of_work import scope_of

__all__ = ["EncryptedText", "Sealed", "check_needs_no_keys"]


class Sealed(str):
    """The stored, encrypted form of a value, with its place.

    `str()` returns the ciphertext; `open()` returns the text.
    """

    __slots__ = ("place",)
    place: tuple[str, str]

    @classmethod
    def at(cls, text: str, place: tuple[str, str]) -> Sealed:
        """Return the encrypted form `text` of a value in the table and column `place`."""
        sealed = cls(text)
        sealed.place = place
        return sealed

    def open(self, key_ring: KeyRing, tenant: object) -> str:
        """Return the decrypted text.

        Raises:
            DecryptionFailed: the value was moved or damaged, or its key is not in the ring.
        """
        return key_ring.open(str(self), _associated(self.place, tenant)).decode()

    @classmethod
    def seal(cls, text: str, key_ring: KeyRing, column: Any, tenant: object) -> Sealed:
        """Encrypt `text` for a column and a `tenant`, for a session without a tenant (an admin session)."""
        place = _place_of(column.type)
        return cls.at(key_ring.seal(text.encode(), _associated(place, tenant)), place)


class EncryptedText(TypeDecorator[str]):
    """Text that is stored encrypted: `Text` in the database, `str` on a loaded entity."""

    impl = Text
    cache_ok = True

    def __init__(self) -> None:
        super().__init__()
        self.place: tuple[str, str] | None = None

    class Comparator(TypeDecorator.Comparator[str]):
        """Refuses comparisons, because two ciphertexts of one text differ."""

        def operate(self, op: OperatorType, *other: Any, **kwargs: Any) -> ColumnElement[Any]:
            """Refuse every operator except `=` between columns, by which SQLAlchemy compares keys of dictionaries."""
            if op is eq and isinstance(other[0], ColumnClause):
                return super().operate(op, *other, **kwargs)
            raise errors.TenancyError(
                f"An encrypted column cannot be used with the operator {getattr(op, '__name__', op)}.",
                why="Equal texts have different ciphertexts.",
                remedy="Load the row by another column, and compare the decrypted value in Python.",
            )

        reverse_operate = operate

    @property
    def comparator_factory(self) -> type[Comparator]:  # type: ignore[override]
        """Refuse every operator on the column."""
        return self.Comparator

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Encrypt the value for the tenant of the current statement.

        Raises:
            TenantRequired: no tenant is bound; use `Sealed.seal` with a tenant.
            ConfigurationError: the service has no encryption key.
        """
        del dialect
        if value is None or isinstance(value, Sealed):
            return None if value is None else str(value)
        scope = executing.get()
        if scope is None or scope.tenant is None:
            raise errors.TenantRequired(
                "A value of an encrypted column cannot be written without a tenant.",
                why="The tenant is part of the associated data of the ciphertext.",
                remedy="Write it in `database.tenant(...)`, or encrypt it with `Sealed.seal(...)` and a tenant.",
            )
        return _key_ring(scope).seal(value.encode(), _associated(_place_of(self), scope.tenant))

    def process_result_value(self, value: Any | None, dialect: Dialect) -> str | None:
        """Return the encrypted form; an entity's load event decrypts it."""
        del dialect
        return None if value is None else Sealed.at(value, _place_of(self))


def _place_of(column_type: Any) -> tuple[str, str]:
    place: tuple[str, str] | None = column_type.place
    if place is None:
        raise errors.DeclarationError(
            "An EncryptedText type is used outside a table's column.",
            remedy="Add the column to a table before you use it.",
        )
    return place


def _associated(place: tuple[str, str], tenant: object) -> bytes:
    # Each part begins with its length, so that two different places never give the same bytes.
    return b"".join(len(part).to_bytes(4, "big") + part for part in (str(item).encode() for item in (*place, tenant)))


def _remember_place(column: Column[Any], table: Any) -> None:
    """Set the type's place when its column is added to a table."""
    if not isinstance(column.type, EncryptedText):
        return
    place = (table.name, column.name)
    if column.type.place not in {None, place}:
        # The copies of a mixin's column share one type object, so each needs its own.
        column.type = EncryptedText()
    column.type.place = place


def _open_on_load(mapper: Mapper[Any], model: type[Any]) -> None:
    """Decrypt the encrypted columns of entities when they are loaded, with the row's tenant."""
    sealed = [prop.key for prop in mapper.column_attrs if isinstance(prop.columns[0].type, EncryptedText)]
    if not sealed:
        return

    def open_columns(entity: Any, *_context: Any) -> None:
        session = object_session(entity)
        scope = None if session is None else scope_of(session)
        if scope is None:
            return
        for name in sealed:
            value = entity.__dict__.get(name)
            if isinstance(value, Sealed):
                tenant = getattr(entity, type(entity).__tenant__.key)
                set_committed_value(entity, name, value.open(_key_ring(scope), tenant))

    event.listen(model, "load", open_columns)
    event.listen(model, "refresh", open_columns)


def check_needs_no_keys(metadata: MetaData, variable: str) -> None:
    """Check that no table has an encrypted column, for a service without encryption keys.

    Raises:
        ConfigurationError: a table has one. The error says to set `variable`.
    """
    for table in metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, EncryptedText):
                raise errors.ConfigurationError(
                    f"{variable} is not set.",
                    variable=variable,
                    why=f"Column {table.name}.{column.name} is encrypted, and needs a key for reads and writes.",
                    remedy=f"Set {variable} to `k1:` and the output of `openssl rand -base64 32`.",
                )


def _key_ring(scope: Scope) -> KeyRing:
    if scope.key_ring is None:
        raise errors.ConfigurationError(
            "An encrypted column is used, but no encryption key is configured.",
            remedy="Set the service's variable ENCRYPTION_KEYS to id:key, with a key from `openssl rand -base64 32`.",
        )
    return scope.key_ring


event.listen(Column, "after_parent_attach", _remember_place)
event.listen(Mapper, "mapper_configured", _open_on_load)
