"""A CRM: companies and contacts, deals in stages of pipelines, activities of several kinds, custom properties."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import DateTime, ForeignKey, Index, Numeric, String, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.mutable import MutableDict
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from tenantry import TenantBase, TenantScoped, Timestamps


class Base(TenantBase, DeclarativeBase):
    type_annotation_map = {dict[str, Any]: MutableDict.as_mutable(JSONB()), Decimal: Numeric(14, 2)}


class ActivityKind(enum.Enum):
    CALL = "call"
    MEETING = "meeting"
    EMAIL = "email"


class Owner(TenantScoped, Timestamps, Base):
    __tablename__ = "owners"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(320))


class Company(TenantScoped, Timestamps, Base):
    __tablename__ = "companies"
    __table_args__ = (
        Index("uq_companies_domain", "tenant_id", func.lower(text("domain")), unique=True),
        Index("ix_companies_name_prefix", "name", postgresql_ops={"name": "text_pattern_ops"}),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    domain: Mapped[str | None] = mapped_column(String(253))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("companies.id", ondelete="SET NULL"))
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("owners.id", ondelete="SET NULL"))
    annual_revenue: Mapped[Decimal | None]
    properties: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    parent: Mapped[Company | None] = relationship(remote_side=[id])
    owner: Mapped[Owner | None] = relationship()
    contacts: Mapped[list[Contact]] = relationship(back_populates="company")


class Contact(TenantScoped, Timestamps, Base):
    __tablename__ = "contacts"
    __table_args__ = (UniqueConstraint("tenant_id", "email", name="uq_contacts_email"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    first_name: Mapped[str]
    last_name: Mapped[str]
    email: Mapped[str | None] = mapped_column(String(320))
    birthday: Mapped[date | None]
    company_id: Mapped[int | None] = mapped_column(ForeignKey("companies.id", ondelete="SET NULL"))
    properties: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    company: Mapped[Company | None] = relationship(back_populates="contacts")
    deals: Mapped[list[DealContact]] = relationship(back_populates="contact")


class Pipeline(TenantScoped, Base):
    __tablename__ = "pipelines"
    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str]
    stages: Mapped[list[Stage]] = relationship(back_populates="pipeline", order_by="Stage.position")


class Stage(TenantScoped, Base):
    __tablename__ = "stages"
    id: Mapped[int] = mapped_column(primary_key=True)
    pipeline_id: Mapped[int] = mapped_column(ForeignKey("pipelines.id", ondelete="CASCADE"))
    label: Mapped[str]
    position: Mapped[int] = mapped_column(server_default="0")
    probability: Mapped[float] = mapped_column(server_default="0.5")
    pipeline: Mapped[Pipeline] = relationship(back_populates="stages")


class Deal(TenantScoped, Timestamps, Base):
    __tablename__ = "deals"
    __table_args__ = (
        Index("ix_deals_open", "tenant_id", "stage_id", postgresql_where=text("closed_at IS NULL")),
        Index(None, "tenant_id", text("amount DESC NULLS LAST")),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(255))
    amount: Mapped[Decimal | None]
    stage_id: Mapped[int] = mapped_column(ForeignKey("stages.id"))
    company_id: Mapped[int | None] = mapped_column(ForeignKey("companies.id"))
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("owners.id"))
    closed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    stage: Mapped[Stage] = relationship()
    company: Mapped[Company | None] = relationship()
    owner: Mapped[Owner | None] = relationship()
    contacts: Mapped[list[DealContact]] = relationship(back_populates="deal", cascade="all, delete-orphan")


class DealContact(TenantScoped, Base):
    """A contact's part in a deal."""

    __tablename__ = "deal_contacts"
    deal_id: Mapped[int] = mapped_column(ForeignKey("deals.id", ondelete="CASCADE"), primary_key=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str | None] = mapped_column(String(40))
    deal: Mapped[Deal] = relationship(back_populates="contacts")
    contact: Mapped[Contact] = relationship(back_populates="deals")


class Activity(TenantScoped, Timestamps, Base):
    __tablename__ = "activities"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[ActivityKind]
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"))
    deal_id: Mapped[int | None] = mapped_column(ForeignKey("deals.id", ondelete="CASCADE"))
    note: Mapped[str] = mapped_column(Text, server_default="")
