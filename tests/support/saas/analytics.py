"""Product analytics: sites, visitors, events in hash partitions, funnels, dashboards with widgets, daily totals."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Date,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    String,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, CIDR, JSONB, UUID
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from tenantry import CreatedAt, Tenancy, TenantBase, TenantScoped, Timestamps


class Base(TenantBase, DeclarativeBase):
    tenancy = Tenancy(column="team_id", type=BigInteger())


class Site(TenantScoped, Timestamps, Base):
    __tablename__ = "sites"
    __table_args__ = (UniqueConstraint("team_id", "domain"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    domain: Mapped[str] = mapped_column(String(253))
    ignored: Mapped[list[str]] = mapped_column(ARRAY(CIDR), server_default="{}")


class Visitor(TenantScoped, CreatedAt, Base):
    __tablename__ = "visitors"
    __table_args__ = (
        PrimaryKeyConstraint("team_id", "id"),
        ForeignKeyConstraint(["team_id", "site_id"], ["sites.team_id", "sites.id"], ondelete="CASCADE"),
    )
    team_id: Mapped[int]
    id: Mapped[uuid.UUID] = mapped_column(default=uuid.uuid4)
    site_id: Mapped[uuid.UUID]
    traits: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))


class Event(TenantScoped, Base):
    __tablename__ = "events"
    __partitions__ = 3
    __table_args__ = (
        PrimaryKeyConstraint("team_id", "id"),
        ForeignKeyConstraint(["team_id", "visitor_id"], ["visitors.team_id", "visitors.id"], ondelete="CASCADE"),
        Index("ix_events_time", "at", postgresql_using="brin"),
        Index("ix_events_name", "team_id", "name", "at", postgresql_include=["visitor_id"]),
        Index("ix_events_properties", "properties", postgresql_using="gin"),
    )
    team_id: Mapped[int]
    id: Mapped[int] = mapped_column(BigInteger, autoincrement=True)
    visitor_id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True))
    name: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())
    properties: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")


class Funnel(TenantScoped, Timestamps, Base):
    __tablename__ = "funnels"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    name: Mapped[str]
    steps: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    window_days: Mapped[int] = mapped_column(server_default=text("14"))


class Dashboard(TenantScoped, Timestamps, Base):
    __tablename__ = "dashboards"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    title: Mapped[str]
    share_token: Mapped[uuid.UUID | None]
    widgets: Mapped[list[Widget]] = relationship(back_populates="dashboard", cascade="all, delete-orphan")


class Widget(TenantScoped, Base):
    """A widget is a chart or a text; each kind has a table of its own."""

    __tablename__ = "widgets"
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "widget"}
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    dashboard_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("dashboards.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(20))
    layout: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    dashboard: Mapped[Dashboard] = relationship(back_populates="widgets")


class Chart(Widget):
    __tablename__ = "charts"
    __mapper_args__ = {"polymorphic_identity": "chart"}
    id: Mapped[uuid.UUID] = mapped_column(ForeignKey("widgets.id", ondelete="CASCADE"), primary_key=True)
    query: Mapped[dict[str, Any]] = mapped_column(JSONB)
    funnel_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("funnels.id", ondelete="SET NULL"))


class DailyTotal(TenantScoped, Base):
    __tablename__ = "daily_totals"
    __table_args__ = (PrimaryKeyConstraint("team_id", "site_id", "day", "name"),)
    team_id: Mapped[int]
    site_id: Mapped[uuid.UUID]
    day: Mapped[date] = mapped_column(Date)
    name: Mapped[str] = mapped_column(String(200))
    count: Mapped[int] = mapped_column(BigInteger, server_default="0")
