"""`EncryptedText`: a column whose text leaves the process only sealed.

A value is sealed with AES-256-GCM, and its place (table, column, tenant) is associated data: a ciphertext that somebody
copied into another row, column or tenant does not open. Sealing happens where the parameter is bound, so that flush,
bulk and Core write ciphertext alike. Opening happens where an entity is loaded, because only there the row's own
tenant is known; a Core row gives a `Sealed`, which opens when told its tenant.

Equal texts have different ciphertexts, so that the column cannot be compared, sorted or indexed to any use.
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
from tenantry.tenancy.session import scope_of

__all__ = ["EncryptedText", "Sealed", "check_needs_no_keys"]


class Sealed(str):
    """The stored, sealed form of a value, with the place it belongs to.

    `str()` of it is the ciphertext; `open()` gives the text.
    """

    __slots__ = ("place",)
    place: tuple[str, str]

    @classmethod
    def at(cls, text: str, place: tuple[str, str]) -> Sealed:
        """Return the sealed form `text` of a value in the table and column of `place`."""
        sealed = cls(text)
        sealed.place = place
        return sealed

    def open(self, key_ring: KeyRing, tenant: object) -> str:
        """Return the text.

        Raises:
            DecryptionFailed: it was moved, damaged, or sealed with a key that is not in the ring.
        """
        return key_ring.open(str(self), _associated(self.place, tenant)).decode()

    @classmethod
    def seal(cls, text: str, key_ring: KeyRing, column: Any, tenant: object) -> Sealed:
        """Seal `text` for a mapped or table column of `tenant`, where no unit of work tells the tenant (admin work)."""
        place = _place_of(column.type)
        return cls.at(key_ring.seal(text.encode(), _associated(place, tenant)), place)


class EncryptedText(TypeDecorator[str]):
    """Text that is stored sealed; `Text` in the database, `str` on a loaded entity."""

    impl = Text
    cache_ok = True

    def __init__(self) -> None:
        super().__init__()
        self.place: tuple[str, str] | None = None

    class Comparator(TypeDecorator.Comparator[str]):
        """Refuses what could never be true: two ciphertexts of one text are not equal."""

        def operate(self, op: OperatorType, *other: Any, **kwargs: Any) -> ColumnElement[Any]:
            """Refuse every operator, but for `=` between columns: SQLAlchemy's own dictionaries compare keys by it."""
            if op is eq and isinstance(other[0], ColumnClause):
                return super().operate(op, *other, **kwargs)
            raise errors.TenancyError(
                f"An encrypted column cannot be used with {getattr(op, '__name__', op)}.",
                why="Every ciphertext is different, also of equal texts.",
                remedy="Load the row by another column and compare the opened value.",
            )

        reverse_operate = operate

    @property
    def comparator_factory(self) -> type[Comparator]:  # type: ignore[override]
        """Refuse every operator on the column."""
        return self.Comparator

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Seal the value for the tenant of the statement that is being executed.

        Raises:
            TenantRequired: no tenant is bound; `Sealed.seal` names one.
            ConfigurationError: the service has no encryption key.
        """
        del dialect
        if value is None or isinstance(value, Sealed):
            return None if value is None else str(value)
        scope = executing.get()
        if scope is None or scope.tenant is None:
            raise errors.TenantRequired(
                "An encrypted value was to be written without a tenant.",
                why="The tenant is part of what the ciphertext is bound to.",
                remedy="Write it in `database.tenant(...)`, or seal it yourself with `Sealed.seal`.",
            )
        return _key_ring(scope).seal(value.encode(), _associated(_place_of(self), scope.tenant))

    def process_result_value(self, value: Any | None, dialect: Dialect) -> str | None:
        """Return the stored form; an entity's load event opens it."""
        del dialect
        return None if value is None else Sealed.at(value, _place_of(self))


def _place_of(column_type: Any) -> tuple[str, str]:
    place: tuple[str, str] | None = column_type.place
    if place is None:
        raise errors.DeclarationError(
            "An EncryptedText column does not know its table.", remedy="Add its column to a table."
        )
    return place


def _associated(place: tuple[str, str], tenant: object) -> bytes:
    # Lengths first, so that no two places can run together into the same bytes.
    return b"".join(len(part).to_bytes(4, "big") + part for part in (str(item).encode() for item in (*place, tenant)))


def _remember_place(column: Column[Any], table: Any) -> None:
    """Tell the type where it stands, as soon as its column joins a table."""
    if not isinstance(column.type, EncryptedText):
        return
    place = (table.name, column.name)
    if column.type.place not in {None, place}:
        # A mixin's columns are copied with one type between them.
        column.type = EncryptedText()
    column.type.place = place


def _open_on_load(mapper: Mapper[Any], model: type[Any]) -> None:
    """Let entities open their encrypted columns when they are loaded, with their own row's tenant."""
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
    """Check that no table has an encrypted column, for a service without keys.

    Raises:
        ConfigurationError: one has; `variable` is where the keys should be.
    """
    for table in metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, EncryptedText):
                raise errors.ConfigurationError(
                    f"{variable} is not set.",
                    variable=variable,
                    why=f"Column {table.name}.{column.name} is encrypted and could be neither written nor read.",
                    remedy="Set it to `k1:` and the output of `openssl rand -base64 32`.",
                )


def _key_ring(scope: Scope) -> KeyRing:
    if scope.key_ring is None:
        raise errors.ConfigurationError(
            "An encrypted column is used, but no encryption key is configured.",
            remedy="Set the service's ENCRYPTION_KEYS variable.",
        )
    return scope.key_ring


event.listen(Column, "after_parent_attach", _remember_place)
event.listen(Mapper, "mapper_configured", _open_on_load)
