"""A project whose team declares objects of its own, each in its author's spelling and not in the server's."""

from __future__ import annotations

__all__ = ["CHANGES", "MODULE"]

MODULE = """
from __future__ import annotations

import uuid
from pathlib import Path

from pydantic_settings import SettingsConfigDict
from sqlalchemy import CheckConstraint, Computed, Index, PrimaryKeyConstraint, String, func, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tenantry import DatabaseSettings, Roles, Service, Shared, TenantBase, TenantScoped
from tenantry import Comment, Function, Grant, Policy, Role, Trigger, View

ROLES = Roles("{prefix}_owner", "{prefix}_app", "{prefix}_admin")
REPORTER = "{prefix}_reporter"


class Base(TenantBase, DeclarativeBase):
    pass


class Article(TenantScoped, Base):
    __tablename__ = "articles"
    __table_args__ = (PrimaryKeyConstraint("tenant_id", "id"), CheckConstraint("is_slug(slug)", name="slug"))
    tenant_id: Mapped[str]
    id: Mapped[uuid.UUID] = mapped_column(server_default=func.gen_random_uuid())
    title: Mapped[str] = mapped_column(String(50))
    slug: Mapped[str | None] = mapped_column(String(50))


class Country(Shared, Base):
    __tablename__ = "countries"
    code: Mapped[str] = mapped_column(String(2), primary_key=True)


class Settings(DatabaseSettings):
    model_config = SettingsConfigDict(env_prefix="SHOP_")


OBJECTS = [
    Role(REPORTER),
    Function(
        "is_slug", "SELECT candidate = lower(candidate)", returns="bool", arguments="candidate varchar",
        language="sql", volatility="IMMUTABLE", execute=[ROLES.application, ROLES.admin, REPORTER],
    ),
    Function("set_slug", "BEGIN NEW.slug := lower(NEW.title); RETURN NEW; END", search_path="pg_catalog, pg_temp"),
    Function("hide", "BEGIN RETURN NULL; END"),
    Trigger(
        "articles_slug", "articles", "set_slug", events=["UPDATE OF title, slug", "INSERT"],
        when="NEW.title <> 'draft' and NEW.slug is null",
    ),
    View("b_titles", "SELECT title, length(title) size FROM articles WHERE title NOT IN ('draft', 'old')"),
    View("a_long_titles", "select * from b_titles where size > 10;"),
    View("open_countries", "SELECT code FROM countries", security_invoker=False, options=["security_barrier=true"]),
    Trigger("titles_hidden", "b_titles", "hide", timing="INSTEAD OF", events=["DELETE"]),
    Policy(
        "no_drafts", "articles", roles=[ROLES.application], using="title <> 'draft'", command="SELECT", permissive=False
    ),
    Policy(
        "report", "articles", roles=[REPORTER], command="SELECT",
        using="EXISTS (SELECT 1 FROM articles a WHERE a.slug = articles.slug)",
    ),
    Grant(REPORTER, ["SELECT"], "articles"),
    Grant(REPORTER, ["UPDATE"], "articles", column="slug"),
    Grant(REPORTER, ["SELECT"], "b_titles"),
    Grant(ROLES.application, ["SELECT"], "a_long_titles"),
    Grant(ROLES.application, ["SELECT"], "b_titles"),
    Grant(REPORTER, ["USAGE"], "public", kind="SCHEMA"),
    Comment("VIEW", "b_titles", "Titles that readers' lists show: 100%"),
    Comment("POLICY", "no_drafts", "Drafts are hidden.", table="articles"),
    Comment("TRIGGER", "articles_slug", "Fills in the slug.", table="articles"),
    Comment("FUNCTION", "set_slug()", "Called by articles_slug."),
]

service = Service(
    name="{database}",
    metadata=Base.metadata,
    settings=Settings,
    migrations=Path(__file__).parent / "migrations",
    app="{module}:app",
    roles=ROLES,
    objects=OBJECTS,
)
"""

# A changed line of the module, and the operations that it needs besides those that restore what depends on the object.
CHANGES = {
    "a trigger function's body": ("lower(NEW.title); RETURN", "upper(NEW.title); RETURN", {"create_function"}),
    "a function's result": (
        'Function("hide", "BEGIN RETURN NULL; END")',
        'Function("hide", "BEGIN RETURN OLD; END", options=["COST 5"])',
        {"create_function"},
    ),
    "a trigger's events": ('"UPDATE OF title, slug", "INSERT"', '"INSERT"', {"drop_trigger", "create_trigger"}),
    "a trigger's condition": ("and NEW.slug is null", "and NEW.slug = ''", {"drop_trigger", "create_trigger"}),
    "a restrictive policy": (
        "using=\"title <> 'draft'\"",
        "using=\"title <> 'secret'\"",
        {"drop_policy", "create_policy"},
    ),
    "a policy's roles": (
        "roles=[ROLES.application], using",
        "roles=[REPORTER], using",
        {"drop_policy", "create_policy"},
    ),
    "a column of a view": ("length(title) size", "length(title) size, slug", {"drop_view", "create_view"}),
    "the first column of a view": ("SELECT title, length", "SELECT slug, title, length", {"drop_view", "create_view"}),
    "a view's parameter": ("security_barrier=true", "security_barrier=false", {"drop_view", "create_view"}),
    "a privilege on a table": ('["SELECT"], "articles"', '["SELECT", "INSERT"], "articles"', {"grant"}),
    "a privilege on a column": (
        '["UPDATE"], "articles", column',
        '["INSERT"], "articles", column',
        {"grant", "revoke"},
    ),
    "a privilege on a function": (
        "execute=[ROLES.application, ROLES.admin, REPORTER]",
        "execute=[ROLES.application, ROLES.admin]",
        {"revoke"},
    ),
    "a comment": ("Drafts are hidden.", "Drafts are secret.", {"set_comment"}),
    "a comment of a view": ("Titles that readers'", "Names that readers'", {"set_comment"}),
}
