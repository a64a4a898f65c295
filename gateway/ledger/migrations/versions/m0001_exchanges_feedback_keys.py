"""Exchanges, feedback and API keys."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "exchanges",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("key_id", sa.String),
        sa.Column("session_id", sa.String),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("document", sa.JSON, nullable=False),
    )
    op.create_index("ix_exchanges_created_at", "exchanges", ["created_at"])
    op.create_index("ix_exchanges_key_id_id", "exchanges", ["key_id", "id"])
    op.create_index("ix_exchanges_session_id_id", "exchanges", ["session_id", "id"])
    op.create_table(
        "feedback",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("exchange_id", sa.String, sa.ForeignKey("exchanges.id"), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("idempotency_key", sa.String),
        sa.Column("document", sa.JSON, nullable=False),
        sa.UniqueConstraint("exchange_id", "idempotency_key", name="uq_feedback_idempotency"),
    )
    op.create_index("ix_feedback_created_at", "feedback", ["created_at"])
    op.create_index("ix_feedback_exchange_id", "feedback", ["exchange_id"])
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("roles", sa.String, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT),
        sa.Column("revoked_at", _MOMENT),
    )
    op.create_index("ix_api_keys_digest", "api_keys", ["digest"], unique=True)
