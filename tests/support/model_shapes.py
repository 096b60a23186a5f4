"""Models in the shapes that people write, each with what a service does with its rows.

A shape is the text of a module's models, and of the body of `async def use(database)`.
"""

from __future__ import annotations

from textwrap import indent
from typing import NamedTuple

__all__ = ["SHAPES", "Shape", "module_of"]

HEAD = """
from __future__ import annotations

import enum
import uuid
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from pydantic_settings import SettingsConfigDict
from sqlalchemy import *
from sqlalchemy.ext.declarative import AbstractConcreteBase, ConcreteBase
from sqlalchemy.orm import *

from tenantry import DatabaseSettings, Global, Roles, Service, Shared, Tenancy, TenantBase, TenantLookup, TenantRoot
from tenantry import TenantScoped, Timestamps

ROLES = Roles("{prefix}_owner", "{prefix}_app", "{prefix}_admin")
"""

BASE = """
class Base(TenantBase, DeclarativeBase):
    pass
"""

TAIL = """

class Settings(DatabaseSettings):
    model_config = SettingsConfigDict(env_prefix="SHAPES_")


service = Service(
    name="{database}",
    metadata=Base.metadata,
    settings=Settings,
    migrations=Path(__file__).parent / "migrations",
    app="{module}:app",
    roles=ROLES,
)
"""


class Shape(NamedTuple):
    """A shape of models."""

    models: str
    use: str
    base: str = BASE


def module_of(shape: Shape) -> str:
    """Return the text of a project's module, as a format of its names."""
    body = indent(shape.use.strip(), "    ")
    models = f"{shape.base}\n{shape.models}\n\nasync def use(database):\n{body}\n".replace("{", "{{").replace("}", "}}")
    return HEAD + models + TAIL


TEAM = """
class Team(TenantScoped, Base):
    __tablename__ = "teams"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    name: Mapped[str] = mapped_column(server_default="")
"""

# A book of each kind of key is inserted, read, changed and deleted; another tenant sees nothing.
BOOK = """
async with database.tenant("north") as session:
    session.add_all([Book(title="first"), Book(title="second")])
async with database.tenant("north") as session:
    first, second = await session.scalars(select(Book).order_by(Book.title))
    first.title = "changed"
    await session.delete(second)
async with database.tenant("south") as session:
    session.add(Book(title="third"))
    assert (await session.scalars(select(Book.title))).all() == ["third"]
async with database.tenant("north", read_only=True) as session:
    assert (await session.scalars(select(Book.title))).all() == ["changed"]
    assert (await session.scalar(select(Book))).tenant_id == "north"
"""

SHAPES = {
    "a number as key": Shape(
        """
class Book(TenantScoped, Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
""",
        BOOK,
    ),
    "an identity as key": Shape(
        """
class Book(TenantScoped, Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    title: Mapped[str]
""",
        BOOK,
    ),
    "a uuid from Python as key": Shape(
        """
class Book(TenantScoped, Base):
    __tablename__ = "books"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    tenant_id: Mapped[str]
    title: Mapped[str]
""",
        BOOK,
    ),
    "a text from Python as key": Shape(
        """
class Book(TenantScoped, Base):
    __tablename__ = "books"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=lambda: str(uuid.uuid4()))
    title: Mapped[str]
""",
        BOOK,
    ),
    "primary_key on both, a uuid": Shape(
        """
class Book(TenantScoped, Base):
    __tablename__ = "books"
    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    title: Mapped[str]
""",
        BOOK,
    ),
    "primary_key on both, a number": Shape(
        """
class Book(TenantScoped, Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
""",
        BOOK,
    ),
    "an indexed tenant column": Shape(
        """
class Book(TenantScoped, Base):
    __tablename__ = "books"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    tenant_id: Mapped[str] = mapped_column(index=True)
    title: Mapped[str] = mapped_column(index=True)
""",
        BOOK,
    ),
    "a tenant column that refers to the tenants": Shape(
        """
class Tenant(TenantRoot, Timestamps, Base):
    __tablename__ = "tenants"
    __lookups__ = (TenantLookup("slug"),)
    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    plan_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("plans.id", ondelete="SET NULL"))
    plan: Mapped[Plan | None] = relationship()
    users: Mapped[list[User]] = relationship(back_populates="tenant")


class Plan(TenantScoped, Base):
    __tablename__ = "plans"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)


class User(TenantScoped, Base):
    __tablename__ = "users"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    tenant: Mapped[Tenant] = relationship(back_populates="users")
    profile: Mapped[Profile | None] = relationship(back_populates="user", cascade="all, delete-orphan")


class Profile(TenantScoped, Base):
    __tablename__ = "profiles"
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    user: Mapped[User] = relationship(back_populates="profile")
""",
        """
async with database.admin(reason="test") as session:
    session.add_all([Tenant(id="north", slug="n"), Tenant(id="south", slug="s")])
async with database.tenant("north") as session:
    tenant = await session.scalar(select(Tenant).options(selectinload(Tenant.users), selectinload(Tenant.plan)))
    tenant.users.append(User(profile=Profile()))
    tenant.plan = Plan()
load = selectinload(Tenant.plan), selectinload(Tenant.users).selectinload(User.profile)
async with database.tenant("north") as session:
    tenant = await session.scalar(select(Tenant).options(*load))
    assert tenant.plan.tenant_id == tenant.users[0].profile.tenant_id == "north"
    await session.delete(tenant.plan)
    await session.delete(tenant.users[0])
async with database.tenant("north") as session:
    assert (await session.scalar(select(Tenant))).plan_id is None
    assert (await session.scalars(select(Profile))).all() == []
assert (await database.find_tenant(Tenant, slug="s")).tenant == "south"
""",
    ),
    "plain references with actions": Shape(
        TEAM
        + """
class Office(TenantScoped, Base):
    __tablename__ = "Offices"
    id: Mapped[int] = mapped_column("officeId", primary_key=True)

class Employee(TenantScoped, Base):
    __tablename__ = "employees"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "second_id"], ["teams.tenant_id", "teams.id"], ondelete="SET NULL(second_id)"
        ),
        ForeignKeyConstraint(["third_id"], ["teams.id"], ondelete="set default", onupdate="CASCADE"),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    team_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("teams.id", ondelete="SET NULL"))
    second_id: Mapped[uuid.UUID | None]
    third_id: Mapped[uuid.UUID | None]
    office_id: Mapped[int | None] = mapped_column("Office Id", ForeignKey("Offices.officeId", ondelete="SET NULL"))
    boss_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("employees.id", ondelete="CASCADE"))
""",
        """
async with database.tenant("north") as session:
    team, office = Team(id=uuid.uuid4()), Office()
    session.add_all([team, office])
    await session.flush()
    ids = {"team_id": team.id, "second_id": team.id, "third_id": team.id, "office_id": office.id}
    boss = Employee(**ids, id=uuid.uuid4())
    session.add(boss)
    await session.flush()
    session.add(Employee(boss_id=boss.id))
async with database.tenant("north") as session:
    await session.execute(delete(Team))
    await session.execute(delete(Office))
async with database.tenant("north") as session:
    found = (await session.scalars(select(Employee))).all()
    assert {(one.tenant_id, one.team_id, one.second_id, one.third_id, one.office_id) for one in found} == {
        ("north", None, None, None, None)
    }
    await session.execute(delete(Employee).where(Employee.boss_id.is_(None)))
    assert (await session.scalars(select(Employee))).all() == []
""",
    ),
    "single-table inheritance": Shape(
        TEAM
        + """
class Person(TenantScoped, Timestamps, Base):
    __tablename__ = "people"
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "person"}
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))

class Manager(Person):
    __mapper_args__ = {"polymorphic_identity": "manager"}
    team_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("teams.id"))
    team: Mapped[Team | None] = relationship()
""",
        """
async with database.tenant("north") as session:
    session.add_all([Person(), Manager(team=Team())])
async with database.tenant("north") as session:
    manager = await session.scalar(select(Manager).options(selectinload(Manager.team)))
    before = manager.updated_at
    manager.team = None
    await session.flush()
    await session.refresh(manager)
    assert manager.updated_at > before
async with database.tenant("south", read_only=True) as session:
    assert (await session.scalars(select(Person))).all() == []
""",
    ),
    "joined-table inheritance": Shape(
        TEAM
        + """
class Person(TenantScoped, Timestamps, Base):
    __tablename__ = "people"
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "person"}
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    team_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("teams.id"))
    team: Mapped[Team | None] = relationship()

class Manager(Person):
    __tablename__ = "managers"
    __mapper_args__ = {"polymorphic_identity": "manager"}
    id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    level: Mapped[int]
    reports: Mapped[list[Engineer]] = relationship(back_populates="manager", foreign_keys="Engineer.manager_id")

class Engineer(Person):
    __tablename__ = "engineers"
    __mapper_args__ = {"polymorphic_identity": "engineer"}
    id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    manager_id: Mapped[int | None] = mapped_column(ForeignKey("managers.id"))
    manager: Mapped[Manager | None] = relationship(back_populates="reports", foreign_keys=[manager_id])
""",
        """
async with database.tenant("north") as session:
    session.add_all([Manager(level=1, team=Team(), reports=[Engineer()]), Person()])
async with database.tenant("north") as session:
    manager = await session.scalar(select(Manager).options(selectinload(Manager.reports), selectinload(Person.team)))
    assert len(manager.reports) == 1 and manager.team.tenant_id == "north"
    before = manager.updated_at
    manager.level = 2
    manager.reports.clear()
    await session.flush()
    await session.refresh(manager)
    assert manager.updated_at > before
    manager.team = None
async with database.tenant("north") as session:
    people = (await session.scalars(select(with_polymorphic(Person, "*")))).all()
    assert sorted(type(one).__name__ for one in people) == ["Engineer", "Manager", "Person"]
    for one in people:
        await session.delete(one)
async with database.admin(reason="test") as session:
    session.add(Manager(tenant_id="south", level=5))
async with database.tenant("south", read_only=True) as session:
    assert (await session.scalar(select(Manager))).level == 5
async with database.tenant("north", read_only=True) as session:
    assert (await session.scalars(select(Manager.level))).all() == []
""",
    ),
    "joined-table inheritance with the tenant in every key": Shape(
        """
class Person(TenantScoped, Timestamps, Base):
    __tablename__ = "people"
    __table_args__ = (PrimaryKeyConstraint("tenant_id", "id"),)
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "person"}
    id: Mapped[uuid.UUID] = mapped_column(server_default=text("gen_random_uuid()"))
    kind: Mapped[str] = mapped_column(String(20))

class Manager(Person):
    __tablename__ = "managers"
    __table_args__ = (
        PrimaryKeyConstraint("tenant_id", "id"),
        ForeignKeyConstraint(["tenant_id", "id"], ["people.tenant_id", "people.id"], ondelete="CASCADE"),
    )
    __mapper_args__ = {"polymorphic_identity": "manager"}
    tenant_id: Mapped[str]
    id: Mapped[uuid.UUID]
    level: Mapped[int]
""",
        """
async with database.tenant("north") as session:
    session.add(Manager(level=1))
async with database.tenant("north") as session:
    (await session.scalar(select(Manager))).level = 2
async with database.tenant("north", read_only=True) as session:
    assert (await session.scalars(select(Manager.level))).all() == [2]
""",
    ),
    "concrete inheritance": Shape(
        """
class Document(AbstractConcreteBase, TenantScoped, Timestamps, Base):
    strict_attrs = True
    title: Mapped[str]

class Invoice(Document):
    __tablename__ = "invoices"
    __mapper_args__ = {"polymorphic_identity": "invoice", "concrete": True}
    id: Mapped[int] = mapped_column(primary_key=True)
    amount: Mapped[int]

class Letter(Document):
    __tablename__ = "letters"
    __mapper_args__ = {"polymorphic_identity": "letter", "concrete": True}
    id: Mapped[int] = mapped_column(primary_key=True)

class Vehicle(ConcreteBase, TenantScoped, Base):
    __tablename__ = "vehicles"
    __mapper_args__ = {"polymorphic_identity": "vehicle", "concrete": True}
    id: Mapped[int] = mapped_column(primary_key=True)

class Truck(Vehicle):
    __tablename__ = "trucks"
    __mapper_args__ = {"polymorphic_identity": "truck", "concrete": True}
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[str]
    load: Mapped[int]
""",
        """
configure_mappers()
async with database.tenant("north") as session:
    session.add_all([Invoice(title="i", amount=1), Letter(title="l"), Vehicle(), Truck(load=3)])
for tenant, count in (("north", 2), ("south", 0)):
    async with database.tenant(tenant) as session:
        assert len((await session.scalars(select(Document))).all()) == count
        vehicles = (await session.scalars(select(Vehicle))).all()
        assert sorted(type(one).__name__ for one in vehicles) == ["Truck", "Vehicle"][: count]
async with database.tenant("north") as session:
    invoice = await session.scalar(select(Invoice))
    before, invoice.amount = invoice.updated_at, 2
    await session.flush()
    await session.refresh(invoice)
    assert invoice.updated_at > before
""",
    ),
    "names and columns from mixins": Shape(
        TEAM
        + """
class Named:
    @declared_attr.directive
    def __tablename__(cls) -> str:
        return cls.__name__.lower() + "s"

class HasKey:
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)

class InTeam:
    @declared_attr
    def team_id(cls) -> Mapped[uuid.UUID | None]:
        return mapped_column(ForeignKey("teams.id"))
    @declared_attr
    def team(cls) -> Mapped[Team | None]:
        return relationship(Team)

class Book(HasKey, InTeam, Named, TenantScoped, Timestamps, Base):
    title: Mapped[str]

class Film(Base, TenantScoped, Named, InTeam, HasKey):
    org: Mapped[str] = mapped_column("tenant_id")
""",
        BOOK
        + """
async with database.tenant("north") as session:
    session.add(Film(team=Team()))
async with database.tenant("north") as session:
    film = await session.scalar(select(Film).options(selectinload(Film.team)))
    film.team = None
    assert film.org == "north"
""",
    ),
    "dataclasses": Shape(
        """
class Team(TenantScoped, Timestamps, Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    tenant_id: Mapped[str]
    name: Mapped[str]
    books: Mapped[list[Book]] = relationship(back_populates="team", default_factory=list)

class Book(TenantScoped, Base):
    __tablename__ = "books"
    __lookups__: ClassVar = (TenantLookup("code"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"), init=False)
    title: Mapped[str]
    tenant_id: Mapped[str] = mapped_column(index=True)
    code: Mapped[str | None] = mapped_column(unique=True, default=None)
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"), default=None)
    team: Mapped[Team | None] = relationship(back_populates="books", default=None)
""",
        BOOK
        + """
async with database.tenant("north") as session:
    session.add(Book("one", code="x", team=Team("best")))
assert (await database.find_tenant(Book, code="x")).tenant == "north"
async with database.tenant("north") as session:
    team = await session.scalar(select(Team).options(selectinload(Team.books)))
    team.books.clear()
""",
        """
class Base(TenantBase, MappedAsDataclass, DeclarativeBase):
    pass
""",
    ),
    "declarative_base()": Shape(
        TEAM
        + """
class Book(TenantScoped, Base):
    __tablename__ = "books"
    id = Column(Integer, primary_key=True)
    title = Column(String)
    team_id = Column(ForeignKey("teams.id"))
    team = relationship(Team)
""",
        BOOK,
        "Base = declarative_base(cls=TenantBase)",
    ),
    "DeclarativeBase as the first base": Shape(
        TEAM
        + """
class Book(Base, TenantScoped):
    __tablename__ = "books"
    __table_args__ = (PrimaryKeyConstraint("tenant_id", "id"), UniqueConstraint("tenant_id", "title"))
    id: Mapped[uuid.UUID] = mapped_column(default=uuid.uuid4)
    title: Mapped[str]
    team_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("teams.id"))
""",
        BOOK,
        """
class Base(DeclarativeBase, TenantBase):
    pass
""",
    ),
    "tables without models": Shape(
        """
links = Table(
    "links",
    Base.metadata,
    Column("tenant_id", primary_key=True),
    Column("source_id", ForeignKey("books.id"), primary_key=True),
    Column("target_id", ForeignKey("books.id"), primary_key=True),
    info={"tenancy": TenantScoped},
)
class ReadOnly(TenantScoped):
    __privileges__ = ("SELECT",)
notes = Table(
    "notes",
    Base.metadata,
    Column("id", Integer, primary_key=True),
    Column("tenant_id"),
    Column("text", Text),
    info={"tenancy": ReadOnly},
)
countries = Table("countries", Base.metadata, Column("code", String(2), primary_key=True), info={"tenancy": Shared})

class Book(TenantScoped, Base):
    __table__ = Table(
        "books",
        Base.metadata,
        Column("id", Uuid, primary_key=True, default=uuid.uuid4),
        Column("tenant_id"),
        Column("title", String(200), nullable=False),
    )
    sequels = relationship(
        "Book",
        secondary=links,
        primaryjoin=lambda: Book.id == links.c.source_id,
        secondaryjoin=lambda: Book.id == links.c.target_id,
    )
""",
        BOOK
        + """
async with database.tenant("north") as session:
    book = Book(title="one", sequels=[Book(title="two")])
    session.add(book)
    await session.flush()
    book.sequels.clear()
async with database.admin(reason="test") as session:
    await session.execute(insert(notes), {"tenant_id": "north", "text": "hello"})
async with database.tenant("north", read_only=True) as session:
    assert (await session.execute(select(notes.c.text))).scalars().all() == ["hello"]
async with database.tenant("south", read_only=True) as session:
    assert (await session.execute(select(notes.c.text))).scalars().all() == []
""",
    ),
    "tenants that are numbers": Shape(
        """
class Tenant(TenantRoot, Base):
    __tablename__ = "tenants"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)

class Book(TenantScoped, Base):
    __tablename__ = "books"
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    id: Mapped[int] = mapped_column(primary_key=True)

class Page(TenantScoped, Base):
    __tablename__ = "pages"
    __table_args__ = (ForeignKeyConstraint(["book_id"], ["books.id"], ondelete="CASCADE"), Index(None, "book_id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    book_id: Mapped[int]

class Chapter(TenantScoped, Base):
    __tablename__ = "chapters"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]
    book_id: Mapped[int] = mapped_column(ForeignKey("books.id"))
    book: Mapped[Book] = relationship()
""",
        """
async with database.admin(reason="test") as session:
    session.add_all([Tenant(id=2**40), Tenant(id=7)])
async with database.tenant(2**40) as session:
    session.add(Chapter(number=1, book=Book()))
async with database.tenant(2**40) as session:
    book = await session.scalar(select(Book))
    session.add(Page(book_id=book.id))
async with database.tenant(7, read_only=True) as session:
    assert (await session.scalars(select(Page))).all() == []
""",
        """
class Base(TenantBase, DeclarativeBase):
    tenancy = Tenancy(type=BigInteger())
""",
    ),
}
