"""Subscriptions: customers, plans with prices, invoices with lines, payments, credits and webhooks."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, DateTime, Enum, ForeignKey, Index, Numeric, String, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from tenantry import Shared, TenantBase, TenantScoped, Timestamps


class Base(TenantBase, DeclarativeBase):
    pass


class Interval(enum.Enum):
    MONTH = "month"
    YEAR = "year"


class SubscriptionStatus(enum.Enum):
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    CANCELED = "canceled"


class Currency(Shared, Base):
    __tablename__ = "currencies"
    code: Mapped[str] = mapped_column(String(3), primary_key=True)
    minor_units: Mapped[int] = mapped_column(server_default="2")


class Customer(TenantScoped, Timestamps, Base):
    __tablename__ = "customers"
    __table_args__ = (
        UniqueConstraint("tenant_id", "email"),
        CheckConstraint("email LIKE '%@%'", name="email_has_at"),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    email: Mapped[str] = mapped_column(String(320))
    name: Mapped[str | None]
    currency: Mapped[str] = mapped_column(ForeignKey("currencies.code"), server_default="EUR")
    settings: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    subscriptions: Mapped[list[Subscription]] = relationship(back_populates="customer")
    invoices: Mapped[list[Invoice]] = relationship(back_populates="customer", order_by="Invoice.number")


class Product(TenantScoped, Timestamps, Base):
    __tablename__ = "products"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    name: Mapped[str] = mapped_column(String(200))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    prices: Mapped[list[Price]] = relationship(back_populates="product", cascade="all, delete-orphan")


class Price(TenantScoped, Base):
    __tablename__ = "prices"
    __table_args__ = (CheckConstraint("unit_amount >= 0", name="unit_amount_positive"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    product_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"), index=True)
    currency: Mapped[str] = mapped_column(ForeignKey("currencies.code"))
    unit_amount: Mapped[Decimal] = mapped_column(Numeric(12, 4))
    interval: Mapped[Interval | None] = mapped_column(Enum(Interval, name="billing_interval"))
    product: Mapped[Product] = relationship(back_populates="prices")


class Subscription(TenantScoped, Timestamps, Base):
    __tablename__ = "subscriptions"
    __table_args__ = (
        Index(
            "ix_subscriptions_live",
            "tenant_id",
            "customer_id",
            postgresql_where=text("status IN ('ACTIVE', 'TRIALING')"),
        ),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customers.id"))
    status: Mapped[SubscriptionStatus] = mapped_column(server_default="TRIALING")
    current_period_end: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    canceled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    customer: Mapped[Customer] = relationship(back_populates="subscriptions")
    items: Mapped[list[SubscriptionItem]] = relationship(back_populates="subscription", cascade="all, delete-orphan")


class SubscriptionItem(TenantScoped, Base):
    __tablename__ = "subscription_items"
    __table_args__ = (
        UniqueConstraint("tenant_id", "subscription_id", "price_id"),
        CheckConstraint("quantity > 0", name="quantity_positive"),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    subscription_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("subscriptions.id", ondelete="CASCADE"))
    price_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("prices.id", ondelete="RESTRICT"))
    quantity: Mapped[int] = mapped_column(server_default="1")
    subscription: Mapped[Subscription] = relationship(back_populates="items")
    price: Mapped[Price] = relationship()


class Invoice(TenantScoped, Timestamps, Base):
    __tablename__ = "invoices"
    __table_args__ = (
        UniqueConstraint("tenant_id", "number"),
        CheckConstraint("paid_at IS NULL OR status = 'paid'", name="paid_at_only_if_paid"),
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    number: Mapped[str] = mapped_column(String(40))
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customers.id"), index=True)
    subscription_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("subscriptions.id", ondelete="SET NULL"))
    status: Mapped[str] = mapped_column(Enum("draft", "open", "paid", "void", name="invoice_status"))
    paid_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    total: Mapped[Decimal] = mapped_column(Numeric(14, 2), server_default="0")
    customer: Mapped[Customer] = relationship(back_populates="invoices")
    subscription: Mapped[Subscription | None] = relationship()
    lines: Mapped[list[InvoiceLine]] = relationship(back_populates="invoice", cascade="all, delete-orphan")


class InvoiceLine(TenantScoped, Base):
    __tablename__ = "invoice_lines"
    id: Mapped[int] = mapped_column(primary_key=True)
    invoice_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("invoices.id", ondelete="CASCADE"), index=True)
    description: Mapped[str]
    quantity: Mapped[Decimal] = mapped_column(Numeric(12, 3), server_default="1")
    amount: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    invoice: Mapped[Invoice] = relationship(back_populates="lines")


class Payment(TenantScoped, Timestamps, Base):
    __tablename__ = "payments"
    __table_args__ = (Index("ix_payments_failed", "tenant_id", postgresql_where=text("failure_code IS NOT NULL")),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    invoice_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("invoices.id"))
    amount: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    provider: Mapped[str] = mapped_column(String(20), server_default="card", comment="100% lower case")
    failure_code: Mapped[str | None] = mapped_column(String(60))


class WebhookEvent(TenantScoped, Base):
    __tablename__ = "webhook_events"
    __table_args__ = (Index(None, "payload", postgresql_using="gin"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    kind: Mapped[str] = mapped_column(String(80))
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
