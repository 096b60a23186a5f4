"""A shop: products with variants and stock, categories in a tree, carts, orders that keep their prices, discounts."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Computed,
    DateTime,
    Enum,
    ForeignKey,
    Index,
    Numeric,
    String,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from tenantry import Shared, TenantBase, TenantLookup, TenantScoped, Timestamps


class Base(TenantBase, DeclarativeBase):
    pass


class OrderStatus(enum.StrEnum):
    PENDING = "pending"
    PAID = "paid"
    SHIPPED = "shipped"
    REFUNDED = "refunded"


class Country(Shared, Base):
    __tablename__ = "countries"
    code: Mapped[str] = mapped_column(String(2), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    vat: Mapped[Decimal] = mapped_column(Numeric(5, 2), server_default="0", comment="In %")


class Category(TenantScoped, Base):
    __tablename__ = "categories"
    __table_args__ = (UniqueConstraint("tenant_id", "parent_id", "slug", postgresql_nulls_not_distinct=True),)
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("categories.id", ondelete="CASCADE"))
    slug: Mapped[str] = mapped_column(String(80))
    children: Mapped[list[Category]] = relationship(back_populates="parent")
    parent: Mapped[Category | None] = relationship(back_populates="children", remote_side=[id])


class Product(TenantScoped, Timestamps, Base):
    __tablename__ = "products"
    __table_args__ = (
        UniqueConstraint("tenant_id", "slug"),
        Index(
            "ix_products_attributes",
            "attributes",
            postgresql_using="gin",
            postgresql_ops={"attributes": "jsonb_path_ops"},
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(120))
    title: Mapped[str]
    attributes: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    images: Mapped[list[str]] = mapped_column(ARRAY(String), server_default=text("'{}'::varchar[]"))
    variants: Mapped[list[Variant]] = relationship(back_populates="product", cascade="all, delete-orphan")


class ProductCategory(TenantScoped, Base):
    __tablename__ = "product_categories"
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"), primary_key=True)
    category_id: Mapped[int] = mapped_column(ForeignKey("categories.id", ondelete="CASCADE"), primary_key=True)


class Variant(TenantScoped, Timestamps, Base):
    __tablename__ = "variants"
    __table_args__ = (UniqueConstraint("tenant_id", "sku"), CheckConstraint("stock >= 0", name="stock"))
    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"))
    sku: Mapped[str] = mapped_column(String(64))
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    stock: Mapped[int] = mapped_column(server_default="0")
    weight: Mapped[float | None]
    product: Mapped[Product] = relationship(back_populates="variants")


class Buyer(TenantScoped, Timestamps, Base):
    __tablename__ = "buyers"
    __table_args__ = (Index("uq_buyers_email", "tenant_id", func.lower(text("email")), unique=True),)
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(320))
    country: Mapped[str | None] = mapped_column(ForeignKey("countries.code"))
    address: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))


class Cart(TenantScoped, Timestamps, Base):
    """A cart is found by the token in its cookie, before a tenant is known."""

    __tablename__ = "carts"
    __lookups__ = (TenantLookup("token", where="expires_at > now()"),)
    __table_args__ = (UniqueConstraint("token"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[uuid.UUID] = mapped_column(server_default=func.gen_random_uuid())
    buyer_id: Mapped[int | None] = mapped_column(ForeignKey("buyers.id", ondelete="SET NULL"))
    expires_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("now() + interval '14 days'")
    )
    items: Mapped[list[CartItem]] = relationship(back_populates="cart", cascade="all, delete-orphan")


class CartItem(TenantScoped, Base):
    __tablename__ = "cart_items"
    cart_id: Mapped[int] = mapped_column(ForeignKey("carts.id", ondelete="CASCADE"), primary_key=True)
    variant_id: Mapped[int] = mapped_column(ForeignKey("variants.id", ondelete="CASCADE"), primary_key=True)
    quantity: Mapped[int] = mapped_column(server_default="1")
    cart: Mapped[Cart] = relationship(back_populates="items")
    variant: Mapped[Variant] = relationship()


class Order(TenantScoped, Timestamps, Base):
    __tablename__ = "orders"
    __table_args__ = (UniqueConstraint("tenant_id", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(20))
    buyer_id: Mapped[int] = mapped_column(ForeignKey("buyers.id", ondelete="RESTRICT"))
    status: Mapped[OrderStatus] = mapped_column(
        Enum(OrderStatus, values_callable=lambda kind: [one.value for one in kind]), server_default="pending"
    )
    placed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    buyer: Mapped[Buyer] = relationship()
    lines: Mapped[list[OrderLine]] = relationship(back_populates="order", cascade="all, delete-orphan")


class OrderLine(TenantScoped, Base):
    __tablename__ = "order_lines"
    __table_args__ = (CheckConstraint("discount_percent BETWEEN 0 AND 100", name="discount%"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"), index=True)
    variant_id: Mapped[int | None] = mapped_column(ForeignKey("variants.id", ondelete="SET NULL"))
    title: Mapped[str]
    quantity: Mapped[int]
    unit_price: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    discount_percent: Mapped[int] = mapped_column(server_default="0")
    total: Mapped[Decimal] = mapped_column(
        Numeric(12, 2), Computed("quantity * unit_price * (100 - discount_percent) / 100", persisted=True)
    )
    order: Mapped[Order] = relationship(back_populates="lines")
    variant: Mapped[Variant | None] = relationship()
