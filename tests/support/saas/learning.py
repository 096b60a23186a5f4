"""A learning platform: courses with sections and lessons, several kinds of lessons, enrolments, quizzes and grades."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime
from decimal import Decimal

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    Enum,
    ForeignKey,
    Numeric,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from tenantry import Tenancy, TenantBase, TenantScoped, Timestamps


class Base(TenantBase, DeclarativeBase):
    tenancy = Tenancy(column="school_id", type=Uuid())


class Key:
    """The key of every table."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid(), sort_order=-1)


class Role(enum.StrEnum):
    STUDENT = "student"
    TEACHER = "teacher"


class Person(Key, TenantScoped, Timestamps, Base):
    __tablename__ = "people"
    __table_args__ = (UniqueConstraint("school_id", "email"),)
    email: Mapped[str] = mapped_column(String(320))
    full_name: Mapped[str]
    time_zone: Mapped[str] = mapped_column(server_default="Europe/Berlin")
    enrolments: Mapped[list[Enrolment]] = relationship(back_populates="person")


class Course(Key, TenantScoped, Timestamps, Base):
    __tablename__ = "courses"
    __table_args__ = (
        UniqueConstraint("school_id", "slug"),
        CheckConstraint("slug ~ '^[a-z0-9-]+$'", name="slug_is_plain"),
    )
    slug: Mapped[str] = mapped_column(String(80))
    title: Mapped[str]
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id"))
    published: Mapped[bool] = mapped_column(server_default=text("false"))
    owner: Mapped[Person] = relationship()
    sections: Mapped[list[Section]] = relationship(back_populates="course", order_by="Section.position")
    enrolments: Mapped[list[Enrolment]] = relationship(back_populates="course")


class Section(Key, TenantScoped, Base):
    __tablename__ = "sections"
    __table_args__ = (UniqueConstraint("school_id", "course_id", "position", deferrable=True, initially="DEFERRED"),)
    course_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("courses.id", ondelete="CASCADE"))
    position: Mapped[int]
    title: Mapped[str]
    course: Mapped[Course] = relationship(back_populates="sections")
    lessons: Mapped[list[Lesson]] = relationship(back_populates="section")


class Lesson(Key, TenantScoped, Timestamps, Base):
    """A lesson is a page, a video or a quiz, in one table."""

    __tablename__ = "lessons"
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "lesson"}
    section_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("sections.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(20))
    title: Mapped[str]
    section: Mapped[Section] = relationship(back_populates="lessons")


class Page(Lesson):
    __mapper_args__ = {"polymorphic_identity": "page"}
    body: Mapped[str | None] = mapped_column(Text)


class Video(Lesson):
    __mapper_args__ = {"polymorphic_identity": "video"}
    url: Mapped[str | None]
    seconds: Mapped[int | None]


class Quiz(Lesson):
    __mapper_args__ = {"polymorphic_identity": "quiz"}
    pass_mark: Mapped[Decimal | None] = mapped_column(Numeric(5, 2))
    questions: Mapped[list[Question]] = relationship(back_populates="quiz")


class Question(Key, TenantScoped, Base):
    __tablename__ = "questions"
    quiz_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lessons.id", ondelete="CASCADE"), index=True)
    prompt: Mapped[str] = mapped_column(Text)
    choices: Mapped[list[str]] = mapped_column(ARRAY(Text))
    answer: Mapped[int]
    quiz: Mapped[Quiz] = relationship(back_populates="questions")


class Enrolment(Key, TenantScoped, Timestamps, Base):
    __tablename__ = "enrolments"
    __table_args__ = (UniqueConstraint("school_id", "person_id", "course_id"),)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    course_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("courses.id", ondelete="CASCADE"))
    role: Mapped[Role] = mapped_column(
        Enum(Role, name="enrolment_role", values_callable=lambda kind: [one.value for one in kind]),
        server_default=Role.STUDENT.value,
    )
    completed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    person: Mapped[Person] = relationship(back_populates="enrolments")
    course: Mapped[Course] = relationship(back_populates="enrolments")


class Grade(Key, TenantScoped, Timestamps, Base):
    __tablename__ = "grades"
    __table_args__ = (CheckConstraint("score BETWEEN 0 AND 100", name="score_is_a_percentage"),)
    enrolment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("enrolments.id", ondelete="CASCADE"))
    lesson_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lessons.id"))
    score: Mapped[Decimal] = mapped_column(Numeric(5, 2))
    graded_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"))
