"""Which part of the ledger is read: a condition for `history.open_history`."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, select, true

from gateway.ledger.tables import exchanges


def recent(since: datetime | None = None, newest: int | None = None) -> ColumnElement[bool]:
    """Of the exchanges from `since` on (it has a time zone) the `newest` ones; None is no limit."""
    if newest is not None:
        others = exchanges.alias()
        newest_ids = select(others.c.id)
        if since is not None:
            newest_ids = newest_ids.where(others.c.created_at >= since)
        return exchanges.c.id.in_(newest_ids.order_by(others.c.id.desc()).limit(newest))
    return true() if since is None else and_(exchanges.c.created_at >= since)
