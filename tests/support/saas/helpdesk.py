"""A helpdesk: agents in groups, tickets with comments, tags, custom fields, macros and working hours."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.schema import Computed

from tenantry import Tenancy, TenantBase, TenantRoot, TenantScoped, Timestamps


class Base(TenantBase, DeclarativeBase):
    tenancy = Tenancy(column="account_id", type=BigInteger())


class Priority(enum.Enum):
    LOW = 1
    NORMAL = 2
    HIGH = 3
    URGENT = 4


class Account(TenantRoot, Timestamps, Base):
    __tablename__ = "accounts"
    account_id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    subdomain: Mapped[str] = mapped_column(String(63), unique=True)


class Organization(TenantScoped, Timestamps, Base):
    __tablename__ = "organizations"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str]
    domains: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")


class User(TenantScoped, Timestamps, Base):
    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("account_id", "email"),)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    email: Mapped[str] = mapped_column(String(320))
    role: Mapped[str] = mapped_column(String(20), server_default="end-user")
    organization_id: Mapped[int | None] = mapped_column(ForeignKey("organizations.id", ondelete="SET NULL"))
    organization: Mapped[Organization | None] = relationship()
    memberships: Mapped[list[GroupMembership]] = relationship(back_populates="user")


class Group(TenantScoped, Base):
    __tablename__ = "groups"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    memberships: Mapped[list[GroupMembership]] = relationship(back_populates="group")


class GroupMembership(TenantScoped, Base):
    __tablename__ = "group_memberships"
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True)
    is_default: Mapped[bool] = mapped_column(server_default=text("false"))
    user: Mapped[User] = relationship(back_populates="memberships")
    group: Mapped[Group] = relationship(back_populates="memberships")


class Ticket(TenantScoped, Timestamps, Base):
    __tablename__ = "tickets"
    __table_args__ = (
        Index(None, "account_id", "status", text("updated_at DESC")),
        CheckConstraint("status <> 'solved' OR assignee_id IS NOT NULL", name="solved_by_somebody"),
    )
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    subject: Mapped[str] = mapped_column(String(255))
    status: Mapped[str] = mapped_column(String(20), server_default="new")
    priority: Mapped[Priority | None]
    requester_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    group_id: Mapped[int | None] = mapped_column(ForeignKey("groups.id", ondelete="SET NULL"))
    problem_id: Mapped[int | None] = mapped_column(ForeignKey("tickets.id"))
    custom_fields: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    requester: Mapped[User] = relationship(foreign_keys=[requester_id])
    assignee: Mapped[User | None] = relationship(foreign_keys=[assignee_id])
    problem: Mapped[Ticket | None] = relationship(remote_side=[id], back_populates="incidents")
    incidents: Mapped[list[Ticket]] = relationship(back_populates="problem")
    comments: Mapped[list[Comment]] = relationship(back_populates="ticket", order_by="Comment.id")
    tags: Mapped[list[Tag]] = relationship(secondary="ticket_tags", viewonly=True)


class Comment(TenantScoped, Timestamps, Base):
    __tablename__ = "comments"
    __table_args__ = (Index(None, "search", postgresql_using="gin"),)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), index=True)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    body: Mapped[str] = mapped_column(Text)
    is_public: Mapped[bool] = mapped_column(default=True)
    search: Mapped[Any] = mapped_column(TSVECTOR, Computed("to_tsvector('english', body)", persisted=True))
    ticket: Mapped[Ticket] = relationship(back_populates="comments")
    author: Mapped[User | None] = relationship()


class Tag(TenantScoped, Base):
    __tablename__ = "tags"
    __table_args__ = (UniqueConstraint("account_id", "name"),)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(String(100))


class TicketTag(TenantScoped, Base):
    __tablename__ = "ticket_tags"
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), primary_key=True)
    tag_id: Mapped[int] = mapped_column(ForeignKey("tags.id", ondelete="CASCADE"), primary_key=True)


class ServiceLevel(TenantScoped, Base):
    __tablename__ = "service_levels"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    first_reply: Mapped[timedelta]
    resolution: Mapped[timedelta | None]
    starts: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
