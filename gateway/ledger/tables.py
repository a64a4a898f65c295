"""The tables, as the newest migration leaves them.

An exchange or event is one JSON document, exactly the value of `gateway.types`; the columns
beside it repeat what rows are searched and ordered by. Ids are time-ordered text.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """A moment. SQLite forgets time zones, so that moments go in and come out as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} has no time zone")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


metadata = MetaData()

exchanges = Table(
    "exchanges",
    metadata,
    Column("id", String, primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("key_id", String),
    Column("session_id", String),
    Column("model", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("document", JSON, nullable=False),
    Index("ix_exchanges_created_at", "created_at"),
    Index("ix_exchanges_key_id_id", "key_id", "id"),
    Index("ix_exchanges_session_id_id", "session_id", "id"),
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", String, primary_key=True),
    Column("exchange_id", String, ForeignKey("exchanges.id"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("idempotency_key", String),
    Column("document", JSON, nullable=False),
    Index("ix_feedback_created_at", "created_at"),
    Index("ix_feedback_exchange_id", "exchange_id"),
    UniqueConstraint("exchange_id", "idempotency_key", name="uq_feedback_idempotency"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("digest", String, nullable=False),
    Column("roles", String, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Index("ix_api_keys_digest", "digest", unique=True),
)
