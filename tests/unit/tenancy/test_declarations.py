"""Every table says what it is, and says only what can be isolated."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import relations
from sqlalchemy import (
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    Sequence,
    String,
    UniqueConstraint,
    Uuid,
    func,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedColumn, configure_mappers, mapped_column
from sqlalchemy.schema import CreateTable

from tenantry import errors
from tenantry.tenancy.declarations import (
    Global,
    Kind,
    Shared,
    Tenancy,
    TenantBase,
    TenantRoot,
    TenantScoped,
    declaration_of,
    tenancy_of,
)
from tenantry.tenancy.partitions import partition_tables
from tenantry.tenancy.rules import check_declarations

DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def make_base(**attributes: object) -> type[DeclarativeBase]:
    return type("Base", (TenantBase, DeclarativeBase), attributes)


def refusal(base: type[DeclarativeBase]) -> str:
    with pytest.raises(errors.DeclarationError) as caught:
        check_declarations(base.metadata)
    return str(caught.value)


def test_a_silent_table_is_refused_by_name() -> None:
    """A table without a declaration is an error, never a default."""
    base = make_base()

    class Forgotten(base):  # type: ignore[valid-type,misc]
        __tablename__ = "forgotten"
        id: Mapped[uuid.UUID] = mapped_column(primary_key=True)

    assert "'forgotten'" in refusal(base)


def test_a_scoped_table_gets_a_tenant_column_that_the_database_fills() -> None:
    base = make_base()

    class Note(TenantScoped, base):  # type: ignore[valid-type,misc]
        __tablename__ = "notes"
        __table_args__ = (Index(None, "tenant_id"),)
        id: Mapped[uuid.UUID] = mapped_column(primary_key=True)

    column = Note.__table__.c.tenant_id
    assert isinstance(column.type, String)
    assert not column.nullable
    assert "DEFAULT NULLIF(current_setting('app.current_tenant_id'::text, true), ''::text)" in str(
        CreateTable(Note.__table__)
    )
    check_declarations(base.metadata)


def test_the_service_names_column_type_and_setting() -> None:
    base = make_base(tenancy=Tenancy(column="organization_id", type=Uuid(), setting="app.organization"))

    class Note(TenantScoped, base):  # type: ignore[valid-type,misc]
        __tablename__ = "notes"
        organization_id: Mapped[uuid.UUID]
        id: Mapped[uuid.UUID] = mapped_column(primary_key=True)

    assert tenancy_of(base.metadata).column == "organization_id"
    assert declaration_of(Note.__table__).tenant_column == "organization_id"
    assert "(NULLIF(current_setting('app.organization'::text, true), ''::text))::uuid" in str(
        CreateTable(Note.__table__)
    )


@pytest.mark.parametrize(
    ("mixin", "kind", "privileges"),
    [
        (TenantScoped, Kind.TENANT_SCOPED, ("DELETE", "INSERT", "SELECT", "UPDATE")),
        (TenantRoot, Kind.TENANT_ROOT, ("SELECT", "UPDATE")),
        (Shared, Kind.SHARED, ("SELECT",)),
        (Global, Kind.GLOBAL, ("DELETE", "INSERT", "SELECT", "UPDATE")),
    ],
)
def test_each_kind_has_its_privileges(mixin: type, kind: Kind, privileges: tuple[str, ...]) -> None:
    base = make_base()

    class Thing(mixin, base):  # type: ignore[valid-type,misc]
        __tablename__ = "things"
        id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
        tenant_id: Mapped[str] = mapped_column(index=True)

    declared = declaration_of(Thing.__table__)
    assert (declared.kind, declared.privileges) == (kind, privileges)


def test_a_table_without_a_tenant_leading_index_gets_one() -> None:
    base = make_base()

    class Note(TenantScoped, base):  # type: ignore[valid-type,misc]
        __tablename__ = "notes"
        id: Mapped[uuid.UUID] = mapped_column(primary_key=True)

    check_declarations(base.metadata)
    check_declarations(base.metadata)
    (index,) = Note.__table__.indexes
    assert (index.name, [column.name for column in index.columns]) == ("ix_notes_tenant_id", ["tenant_id"])


def test_a_nullable_tenant_column_is_refused() -> None:
    base = make_base()

    class Note(TenantScoped, base):  # type: ignore[valid-type,misc]
        __tablename__ = "notes"
        id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
        tenant_id: Mapped[str | None] = mapped_column(index=True)

    assert "allows NULL" in refusal(base)


def test_a_tenant_column_mapped_by_hand_gets_its_default_and_type() -> None:
    base = make_base()

    class Note(TenantScoped, base):  # type: ignore[valid-type,misc]
        __tablename__ = "notes"
        id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
        tenant_id: Mapped[str] = mapped_column(index=True)

    check_declarations(base.metadata)
    sql = str(CreateTable(Note.__table__))
    assert "tenant_id VARCHAR(100) DEFAULT NULLIF(current_setting('app.current_tenant_id'" in sql


def test_a_unique_key_across_tenants_is_refused() -> None:
    """The duplicate-key error would tell a prober of a hidden row."""
    base = make_base()

    class Note(TenantScoped, base):  # type: ignore[valid-type,misc]
        __tablename__ = "notes"
        __table_args__ = (Index(None, "tenant_id"), UniqueConstraint("title"))
        id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
        title: Mapped[str]

    assert "unique over title across tenants" in refusal(base)


def test_a_primary_key_that_a_tenant_chooses_is_refused() -> None:
    base = make_base()

    class Note(TenantScoped, base):  # type: ignore[valid-type,misc]
        __tablename__ = "notes"
        id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)

    assert "unique over id across tenants" in refusal(base)


@pytest.mark.parametrize(
    "key",
    [
        mapped_column(Integer, primary_key=True),
        mapped_column(Integer, Identity(), primary_key=True),
        mapped_column(Integer, Sequence("numbers"), primary_key=True),
        mapped_column(Uuid(), primary_key=True),
        mapped_column(String(36), primary_key=True, default=lambda: str(uuid.uuid4())),
        mapped_column(String(36), primary_key=True, server_default=func.gen_random_uuid()),
    ],
    ids=["serial", "identity", "sequence", "uuid", "text by Python", "text by the server"],
)
def test_a_generated_key_is_accepted(key: MappedColumn[Any]) -> None:
    """A tenant can neither choose nor guess it; a reference to it gets a unique key with the tenant."""
    base = make_base()
    type("Note", (TenantScoped, base), {"__tablename__": "notes", "id": key})
    kind = key.column.type
    reference = mapped_column(kind, ForeignKey("notes.id"))
    type(
        "Page",
        (TenantScoped, base),
        {"__tablename__": "pages", "id": mapped_column(Uuid(), primary_key=True), "note": reference},
    )
    check_declarations(base.metadata)
    check_declarations(base.metadata)
    table = base.metadata.tables["notes"]
    (unique,) = [item for item in table.constraints if isinstance(item, UniqueConstraint)]
    assert (unique.name, unique.columns.keys()) == ("uq_notes_tenant_id_id", ["tenant_id", "id"])
    assert table.indexes == set()
    (constraint,) = base.metadata.tables["pages"].foreign_key_constraints
    assert {item.parent.name: item.target_fullname for item in constraint.elements} == {
        "note": "notes.id",
        "tenant_id": "notes.tenant_id",
    }


def test_a_reference_gets_the_tenant_and_its_action_a_list() -> None:
    """Referential checks bypass row security: without the tenant, a row could refer to another tenant's row."""
    base = make_base()

    class Child(TenantScoped, base):  # type: ignore[valid-type,misc]
        __tablename__ = "children"
        id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
        parent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("parents.id", ondelete="SET NULL"))

    class Parent(TenantScoped, base):  # type: ignore[valid-type,misc]
        __tablename__ = "parents"
        id: Mapped[uuid.UUID] = mapped_column(primary_key=True)

    check_declarations(base.metadata)
    assert "FOREIGN KEY(parent_id, tenant_id) REFERENCES parents (id, tenant_id) ON DELETE SET NULL (parent_id)" in str(
        CreateTable(Child.__table__).compile(dialect=DIALECT)
    )


def test_a_composite_reference_is_accepted() -> None:
    base = make_base()

    class Parent(TenantScoped, base):  # type: ignore[valid-type,misc]
        __tablename__ = "parents"
        __table_args__ = (UniqueConstraint("tenant_id", "id"),)
        id: Mapped[uuid.UUID] = mapped_column(primary_key=True)

    class Child(TenantScoped, base):  # type: ignore[valid-type,misc]
        __tablename__ = "children"
        __table_args__ = (
            Index(None, "tenant_id", "parent_id"),
            ForeignKeyConstraint(["tenant_id", "parent_id"], ["parents.tenant_id", "parents.id"]),
        )
        id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
        parent_id: Mapped[uuid.UUID]

    check_declarations(base.metadata)
    assert declaration_of(Child.__table__).kind is Kind.TENANT_SCOPED


@pytest.mark.parametrize(
    ("options", "named"),
    [({"ondelete": "CASCADE"}, "DELETE"), ({"ondelete": "set null"}, "DELETE"), ({"onupdate": "CASCADE"}, "UPDATE")],
)
def test_a_cascade_from_a_table_that_the_application_changes_is_refused(options: dict[str, str], named: str) -> None:
    """A tenant that deletes a row of all would delete the rows of others, without row security."""
    base = make_base()

    class Tide(Global, base):  # type: ignore[valid-type,misc]
        __tablename__ = "tides"
        id: Mapped[uuid.UUID] = mapped_column(primary_key=True)

    class Ship(TenantScoped, base):  # type: ignore[valid-type,misc]
        __tablename__ = "ships"
        __table_args__ = (Index(None, "tenant_id"),)
        id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
        tide_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("tides.id", **options))  # type: ignore[arg-type]

    assert f"Remove {next(iter(options))} from the foreign key, or {named} from __privileges__" in refusal(base)


def test_a_cascade_from_a_table_that_only_the_admin_changes_is_accepted() -> None:
    base = make_base()

    class Port(Shared, base):  # type: ignore[valid-type,misc]
        __tablename__ = "ports"
        id: Mapped[uuid.UUID] = mapped_column(primary_key=True)

    class Ship(TenantScoped, base):  # type: ignore[valid-type,misc]
        __tablename__ = "ships"
        __table_args__ = (Index(None, "tenant_id"),)
        id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
        port_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("ports.id", ondelete="CASCADE", onupdate="CASCADE"))

    check_declarations(base.metadata)


def test_a_type_whose_equality_is_not_leakproof_is_refused() -> None:
    """Numeric equality is not leakproof: under row security it could never be an index condition."""
    base = make_base(tenancy=Tenancy(type=Numeric()))
    with pytest.raises(errors.DeclarationError, match="leakproof"):
        type("Note", (TenantScoped, base), {"__tablename__": "notes", "__annotations__": {}})


@pytest.mark.parametrize("setting", ["app", "app.", ".tenant", "app.tenant; DROP TABLE x", "app.current tenant"])
def test_a_setting_that_cannot_be_set_is_refused(setting: str) -> None:
    with pytest.raises(errors.DeclarationError):
        Tenancy(setting=setting)


def test_a_table_in_partitions_is_split_by_its_tenant() -> None:
    base = make_base(tenancy=Tenancy(column="organization_id", type=Uuid()))

    class Note(TenantScoped, base):  # type: ignore[valid-type,misc]
        __tablename__ = "notes"
        __partitions__ = 12
        __table_args__ = (PrimaryKeyConstraint("organization_id", "number"),)
        number: Mapped[int]

    check_declarations(base.metadata)
    assert 'PARTITION BY HASH ("organization_id")' in str(CreateTable(Note.__table__).compile(dialect=DIALECT))
    names = sorted(partition_tables(base.metadata))
    assert (len(names), names[0], names[-1]) == (12, ("public", "notes_p00"), ("public", "notes_p11"))


def test_a_key_that_partitions_could_not_keep_is_refused() -> None:
    """PostgreSQL keeps a unique key within each partition only."""
    base = make_base()

    class Note(TenantScoped, base):  # type: ignore[valid-type,misc]
        __tablename__ = "notes"
        __partitions__ = 4
        __table_args__ = (Index(None, "tenant_id"),)
        id: Mapped[uuid.UUID] = mapped_column(primary_key=True)

    assert "partitioned" in refusal(base)


@pytest.mark.parametrize("count", [-1, 257])
def test_a_number_of_partitions_that_cannot_be_is_refused(count: int) -> None:
    base = make_base()

    class Note(TenantScoped, base):  # type: ignore[valid-type,misc]
        __tablename__ = "notes"
        __partitions__ = count
        __table_args__ = (PrimaryKeyConstraint("tenant_id", "number"),)
        number: Mapped[int]

    assert f"{count} partitions" in refusal(base)


def test_a_tenant_column_may_be_mapped_under_another_name() -> None:
    """The predicate goes by the attribute, the policy by the column."""
    base = make_base(tenancy=Tenancy(type=Integer()))

    class Company(TenantRoot, base):  # type: ignore[valid-type,misc]
        __tablename__ = "companies"
        __tenant_key__ = "company no"
        number: Mapped[int] = mapped_column("company no", primary_key=True)

    check_declarations(base.metadata)
    tenant: object = Company.__tenant__
    assert tenant is Company.number
    assert declaration_of(base.metadata.tables["companies"]).tenant_column == "company no"


def test_the_key_of_a_root_is_its_primary_key() -> None:
    """The author need not name it, if no column has the tenant column's name."""
    base = make_base()

    class Company(TenantRoot, base):  # type: ignore[valid-type,misc]
        __tablename__ = "companies"
        code: Mapped[str] = mapped_column(primary_key=True)

    check_declarations(base.metadata)
    assert declaration_of(Company.__table__).tenant_column == "code"


def test_what_is_completed_does_not_depend_on_when() -> None:
    """A process that maps first and one that only migrates have the same tables."""
    texts = []
    for is_mapped_first in (True, False):
        made = relations.make("id alone", "plain")
        if is_mapped_first:
            configure_mappers()
        check_declarations(made.metadata)
        tables = sorted(made.metadata.tables.values(), key=lambda table: table.name)
        texts.append([str(CreateTable(table).compile(dialect=DIALECT)) for table in tables])
        texts[-1] += sorted(str(index.name) for table in tables for index in table.indexes)
    assert texts[0] == texts[1]
