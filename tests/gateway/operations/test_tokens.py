"""Feedback tokens, and the secret that signs them."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigurationError, RequestError
from gateway.operations.tokens import FeedbackTokens, load_or_create_secret

OLD, NEW = "old-secret-0123456789", "new-secret-0123456789"


def _code(tokens: FeedbackTokens, token: str) -> str | None:
    with pytest.raises(RequestError) as caught:
        tokens.exchange_id(token)
    assert caught.value.status == 401
    return caught.value.code


def test_a_token_names_its_exchange() -> None:
    """Also an id with dots in it."""
    tokens = FeedbackTokens([NEW], max_age_s=60)
    assert tokens.exchange_id(tokens.issue("0199-a.b")) == "0199-a.b"


@given(st.text(max_size=600))
def test_other_text_is_no_token(text: str) -> None:
    """Whatever it is, the answer is the same 401."""
    assert _code(FeedbackTokens([NEW], max_age_s=60), text) == "invalid_feedback_token"


def test_a_token_is_for_one_exchange_only() -> None:
    """Its signature covers the id."""
    tokens = FeedbackTokens([NEW], max_age_s=60)
    token = tokens.issue("exchange-1")
    assert _code(tokens, token.replace("exchange-1", "exchange-2")) == "invalid_feedback_token"


def test_a_token_expires() -> None:
    """After its time, with a code of its own."""
    token = FeedbackTokens([NEW], max_age_s=60).issue("exchange-1")
    later = FeedbackTokens(
        [NEW], max_age_s=60, clock=lambda: datetime.now(UTC) + timedelta(seconds=90)
    )
    assert _code(later, token) == "expired_feedback_token"


def test_secrets_rotate() -> None:
    """The first signs, all verify, and a dropped one opens nothing."""
    before = FeedbackTokens([OLD], max_age_s=60)
    during = FeedbackTokens([NEW, OLD], max_age_s=60)
    after = FeedbackTokens([NEW], max_age_s=60)
    assert during.exchange_id(before.issue("x")) == "x"
    assert after.exchange_id(during.issue("x")) == "x"
    assert _code(after, before.issue("x")) == "invalid_feedback_token"


@pytest.mark.parametrize("secrets", [[], [NEW, "short"]])
def test_a_weak_secret_is_refused(secrets: list[str]) -> None:
    """At start, without being quoted."""
    with pytest.raises(ConfigurationError, match="16 characters") as caught:
        FeedbackTokens(secrets, max_age_s=60)
    assert "short" not in str(caught.value)


def test_a_secret_is_made_once_for_its_owner(tmp_path: Path) -> None:
    """The second start reads what the first one made."""
    path = tmp_path / "winnow.db.secret"
    secret = load_or_create_secret(path)
    assert load_or_create_secret(path) == secret
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]
    FeedbackTokens([secret], max_age_s=60)


def test_racing_processes_agree_on_one_secret(tmp_path: Path) -> None:
    """Several workers that start at once accept each other's tokens."""
    program = (
        "from pathlib import Path; from gateway.operations.tokens import load_or_create_secret;"
        f"print(load_or_create_secret(Path({str(tmp_path / 'secret')!r})))"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    printed = {process.communicate()[0] for process in started}
    assert printed == {(tmp_path / "secret").read_text()}


@pytest.mark.parametrize("content", ["", "short\n", "é" * 40])
def test_a_file_without_a_secret_is_named(tmp_path: Path, content: str) -> None:
    """It is neither used nor replaced."""
    path = tmp_path / "secret"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=str(path)):
        load_or_create_secret(path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """As the place where no secret could be made."""
    with pytest.raises(ConfigurationError, match="nowhere"):
        load_or_create_secret(tmp_path / "nowhere" / "secret")
