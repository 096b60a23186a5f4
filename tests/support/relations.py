"""Teams with employees, in every spelling of key and reference: what relationships over tenants' rows are tried on."""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, MetaData, PrimaryKeyConstraint, Table, Uuid, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from tenantry import TenantBase, TenantScoped

__all__ = ["KEYS", "REFERENCES", "make"]

KEYS = ("tenant and id", "id alone", "number")
REFERENCES = ("composite", "plain")


def make(keys: str, references: str) -> SimpleNamespace:
    """Return models with this shape of key and of reference: `metadata`, Team, Employee, Skill and Membership."""
    is_number = keys == "number"
    kind: Any = int if is_number else uuid.UUID

    class Base(TenantBase, DeclarativeBase):
        pass

    def key() -> Any:
        default = None if is_number else text("gen_random_uuid()")
        return mapped_column(primary_key=keys != "tenant and id", server_default=default)

    def constraints(*columns: tuple[str, str], **options: Any) -> tuple[Any, ...]:
        found: list[Any] = [PrimaryKeyConstraint("tenant_id", "id")] if keys == "tenant and id" else []
        if references == "composite":
            for column, target in columns:
                found.append(
                    ForeignKeyConstraint(["tenant_id", column], [f"{target}.tenant_id", f"{target}.id"], **options)
                )
        return tuple(found)

    def reference(target: str, **options: Any) -> Any:
        return mapped_column(*([ForeignKey(f"{target}.id", **options)] if references == "plain" else []))

    Id: Any = Mapped[kind]  # noqa: N806
    Reference: Any = Mapped[kind | None]  # noqa: N806

    class Team(TenantScoped, Base):
        __tablename__ = "teams"
        __table_args__ = constraints()
        __annotations__ = {"id": Id, "name": Mapped[str]}
        id = key()
        name = mapped_column(server_default="")
        members = relationship("Employee", back_populates="team", foreign_keys="Employee.team_id")
        guests = relationship("Employee", back_populates="second_team", foreign_keys="Employee.second_team_id")

    class Employee(TenantScoped, Base):
        __tablename__ = "employees"
        __table_args__ = constraints(("team_id", "teams"), ("second_team_id", "teams"), ("manager_id", "employees"))
        __annotations__ = {"id": Id, "team_id": Reference, "second_team_id": Reference, "manager_id": Reference}
        id = key()
        team_id = reference("teams")
        second_team_id = reference("teams")
        manager_id = reference("employees")
        team = relationship(Team, back_populates="members", foreign_keys=[team_id])
        second_team = relationship(Team, back_populates="guests", foreign_keys=[second_team_id])
        manager = relationship("Employee", back_populates="reports", remote_side="Employee.id")
        reports = relationship("Employee", back_populates="manager")
        skills = relationship("Skill", secondary="employees_skills", back_populates="employees")
        memberships = relationship("Membership", back_populates="employee", cascade="all, delete-orphan")

    class Skill(TenantScoped, Base):
        __tablename__ = "skills"
        __table_args__ = constraints()
        __annotations__ = {"id": Id}
        id = key()
        employees = relationship(Employee, secondary="employees_skills", back_populates="skills")

    class Membership(TenantScoped, Base):
        __tablename__ = "memberships"
        __table_args__ = (
            PrimaryKeyConstraint("tenant_id", "employee_id", "skill_id"),
            ForeignKeyConstraint(["tenant_id", "employee_id"], ["employees.tenant_id", "employees.id"]),
            ForeignKeyConstraint(["tenant_id", "skill_id"], ["skills.tenant_id", "skills.id"]),
        )
        __annotations__ = {"employee_id": Id, "skill_id": Id, "level": Mapped[int]}
        employee_id = mapped_column()
        skill_id = mapped_column()
        level = mapped_column()
        employee = relationship(Employee, back_populates="memberships")
        skill = relationship(Skill)

    column_type = None if is_number else Uuid()
    Table(
        "employees_skills",
        Base.metadata,
        Column("tenant_id", primary_key=True),
        Column("employee_id", column_type, ForeignKey("employees.id"), primary_key=True),
        Column("skill_id", column_type, ForeignKey("skills.id"), primary_key=True),
        info={"tenancy": TenantScoped},
    )
    metadata: MetaData = Base.metadata
    return SimpleNamespace(
        metadata=metadata, Base=Base, Team=Team, Employee=Employee, Skill=Skill, Membership=Membership
    )
