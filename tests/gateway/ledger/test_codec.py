"""Exchanges and events as text: nothing is lost, and every database can store it."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given

from gateway.ledger.codec import EVENTS, EXCHANGES, escape, unescape
from gateway.types import Exchange, FeedbackEvent
from tests.gateway.ledger.exchanges import exchange
from tests.gateway.ledger.values import any_event, any_exchange, any_text


@given(any_exchange())
def test_an_exchange_comes_back_equal(value: Exchange) -> None:
    """Every value of every field survives, odd Unicode and infinities included."""
    assert EXCHANGES.decode(EXCHANGES.encode(value)) == value


@given(any_event())
def test_an_event_comes_back_equal(value: FeedbackEvent) -> None:
    """So does every feedback event."""
    assert EVENTS.decode(EVENTS.encode(value)) == value


@given(any_text())
def test_escaped_text_is_what_databases_take(text: str) -> None:
    """No NUL and no surrogate is left, and the text comes back."""
    escaped = escape(text)
    assert "\0" not in escaped
    escaped.encode("utf-8")
    assert unescape(escaped) == text


@given(any_exchange())
def test_a_document_has_no_nul_escape_and_is_utf8(value: Exchange) -> None:
    """PostgreSQL's JSON takes neither; a backslash before such letters is a text of its own."""
    document = EXCHANGES.encode(value)
    document.encode("utf-8")
    assert "\\u0000" not in document.replace("\\\\", "")


@pytest.mark.parametrize("text", ["\0", "\ud800", "\u241b0000", "\\u0000", "\ud83d\ude00 and 😀"])
def test_the_hard_texts_come_back(text: str) -> None:
    """NUL, a lone surrogate, the mark itself, what looks like an escape, a split pair."""
    value = replace(exchange(), policy_digest=text)
    assert EXCHANGES.decode(EXCHANGES.encode(value)) == value


def test_a_moment_keeps_its_instant() -> None:
    """A time in another zone is the same instant afterwards."""
    east = timezone(timedelta(hours=5))
    event = FeedbackEvent("e", "x", 0, datetime(2026, 1, 1, 5, tzinfo=east))
    assert EVENTS.decode(EVENTS.encode(event)).created_at == event.created_at
