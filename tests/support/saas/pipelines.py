"""Continuous integration: projects, runners, pipelines, jobs that need each other, artifacts, secrets, schedules."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, INET, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from tenantry import Global, Tenancy, TenantBase, TenantScoped, Timestamps


class Base(TenantBase, DeclarativeBase):
    tenancy = Tenancy(column="group_id", type=Integer())


class Status(enum.Enum):
    created = "created"
    pending = "pending"
    running = "running"
    success = "success"
    failed = "failed"


class Runner(Global, Timestamps, Base):
    __tablename__ = "runners"
    id: Mapped[int] = mapped_column(primary_key=True)
    address: Mapped[str | None] = mapped_column(INET)
    tags: Mapped[list[str]] = mapped_column(ARRAY(String(40)), server_default="{}")
    contacted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Project(TenantScoped, Timestamps, Base):
    __tablename__ = "projects"
    __table_args__ = (UniqueConstraint("group_id", "path"),)
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    path: Mapped[str] = mapped_column(String(255))
    config: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{\"timeout\": 3600}'"))
    pipelines: Mapped[list[Pipeline]] = relationship(back_populates="project")


class Pipeline(TenantScoped, Timestamps, Base):
    __tablename__ = "pipelines"
    __table_args__ = (
        Index("ix_pipelines_latest", "group_id", "project_id", "ref", text("id DESC")),
        CheckConstraint("length(sha) = 40", name="sha_is_whole"),
    )
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    ref: Mapped[str] = mapped_column(String(255))
    sha: Mapped[str] = mapped_column(String(40), server_default=text("repeat('0', 40)"))
    status: Mapped[Status] = mapped_column(server_default="created")
    project: Mapped[Project] = relationship(back_populates="pipelines")
    jobs: Mapped[list[Job]] = relationship(back_populates="pipeline")


class Job(TenantScoped, Timestamps, Base):
    __tablename__ = "jobs"
    __table_args__ = (Index("ix_jobs_queue", "id", postgresql_where=text("status = 'pending'")),)
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    pipeline_id: Mapped[int] = mapped_column(ForeignKey("pipelines.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(255))
    stage: Mapped[str] = mapped_column(String(255), server_default="test")
    status: Mapped[Status] = mapped_column(server_default="created")
    runner_id: Mapped[int | None] = mapped_column(ForeignKey("runners.id"))
    duration: Mapped[timedelta | None]
    coverage: Mapped[float | None]
    log: Mapped[str] = mapped_column(Text, server_default="", deferred=True)
    pipeline: Mapped[Pipeline] = relationship(back_populates="jobs")
    runner: Mapped[Runner | None] = relationship()
    needs: Mapped[list[JobNeed]] = relationship(foreign_keys="JobNeed.job_id", back_populates="job")


class JobNeed(TenantScoped, Base):
    """A job that waits for another one."""

    __tablename__ = "job_needs"
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    needed_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    job: Mapped[Job] = relationship(foreign_keys=[job_id], back_populates="needs")
    needed: Mapped[Job] = relationship(foreign_keys=[needed_id])


class Artifact(TenantScoped, Timestamps, Base):
    __tablename__ = "artifacts"
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    path: Mapped[str]
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    expires_at: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True), server_default=text("now() + interval '30 days'")
    )


class Variable(TenantScoped, Base):
    __tablename__ = "variables"
    __table_args__ = (
        UniqueConstraint("group_id", "project_id", "key", postgresql_nulls_not_distinct=True),
        CheckConstraint("key ~ '^[A-Z_][A-Z0-9_]*$'", name="key_is_a_variable"),
    )
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    project_id: Mapped[int | None] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(100), server_default="PATH")
    value: Mapped[str] = mapped_column(Text)
    masked: Mapped[bool] = mapped_column(server_default=text("true"))


class Schedule(TenantScoped, Timestamps, Base):
    __tablename__ = "schedules"
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    cron: Mapped[str] = mapped_column(String(60), server_default="0 4 * * *")
    next_run: Mapped[datetime] = mapped_column(DateTime(timezone=True))
