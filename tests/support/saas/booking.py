"""Appointments: locations, resources that are booked for a time, customers, services with prices, opening hours."""

from __future__ import annotations

import uuid
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Enum,
    ForeignKey,
    Index,
    Numeric,
    SmallInteger,
    String,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import TSTZRANGE, Range
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from tenantry import Tenancy, TenantBase, TenantRoot, TenantScoped, Timestamps


class Base(TenantBase, DeclarativeBase):
    tenancy = Tenancy(column="business_id", setting="booking.business")


class Business(TenantRoot, Timestamps, Base):
    __tablename__ = "businesses"
    business_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    name: Mapped[str]
    time_zone: Mapped[str] = mapped_column(String(64), server_default="UTC")


class Location(TenantScoped, Timestamps, Base):
    __tablename__ = "locations"
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.business_id", ondelete="CASCADE"))
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    name: Mapped[str] = mapped_column(String(120))
    resources: Mapped[list[Resource]] = relationship(back_populates="location")


class Resource(TenantScoped, Base):
    """A room, a chair or a person."""

    __tablename__ = "resources"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    location_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("locations.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(120))
    capacity: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    location: Mapped[Location] = relationship(back_populates="resources")


class Offer(TenantScoped, Base):
    __tablename__ = "offers"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    name: Mapped[str]
    duration: Mapped[timedelta] = mapped_column(server_default=text("'30 minutes'"))
    price: Mapped[Decimal] = mapped_column(Numeric(8, 2), server_default="0")


class Customer(TenantScoped, Timestamps, Base):
    __tablename__ = "customers"
    __table_args__ = (UniqueConstraint("business_id", "phone"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    name: Mapped[str]
    phone: Mapped[str | None] = mapped_column(String(30))


class Booking(TenantScoped, Timestamps, Base):
    __tablename__ = "bookings"
    __table_args__ = (
        Index(None, "during", postgresql_using="gist"),
        CheckConstraint("NOT isempty(during)", name="takes_time"),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    resource_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("resources.id"), index=True)
    customer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("customers.id", ondelete="SET NULL"))
    offer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("offers.id"))
    during: Mapped[Range[datetime]] = mapped_column(TSTZRANGE)
    state: Mapped[str] = mapped_column(
        Enum("held", "confirmed", "no show", name="booking state"), server_default="held"
    )
    resource: Mapped[Resource] = relationship()
    customer: Mapped[Customer | None] = relationship()


class OpeningHours(TenantScoped, Base):
    __tablename__ = "opening_hours"
    __table_args__ = (
        CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
        CheckConstraint("opens < closes", name="opens_before_it_closes"),
    )
    location_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("locations.id", ondelete="CASCADE"), primary_key=True)
    weekday: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    opens: Mapped[time] = mapped_column(server_default=text("'09:00'"))
    closes: Mapped[time] = mapped_column(server_default=text("'17:00'"))


class Closure(TenantScoped, Base):
    """A time when a location is closed."""

    __tablename__ = "closures"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    location_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("locations.id", ondelete="CASCADE"))
    during: Mapped[Range[Any]] = mapped_column(TSTZRANGE)
