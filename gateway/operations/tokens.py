"""Feedback tokens: with one, a browser may vote on one exchange without an API key."""

import hashlib
import os
import secrets
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from itsdangerous import BadSignature, TimestampSigner

from gateway.errors import ConfigurationError, RequestError

_LONGEST_TOKEN = 512
_SECRET_BYTES = 32
_SHORTEST_SECRET = 16


def _now() -> datetime:
    return datetime.now(UTC)


class FeedbackTokens:
    """Signs and reads tokens of the form `<exchange id>.<time>.<signature>` (HMAC-SHA256).

    The first secret signs and all of them verify: to rotate, put the new one first, and drop
    the old one once `max_age_s` has passed.

    Raises:
        ConfigurationError: there is no secret, or a short one.
    """

    def __init__(
        self,
        secrets: Sequence[str],
        max_age_s: float,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        if not secrets or any(len(secret) < _SHORTEST_SECRET for secret in secrets):
            raise ConfigurationError(
                f"feedback.token_secrets: each needs at least {_SHORTEST_SECRET} characters"
            )
        self._signer = TimestampSigner(
            [*reversed(secrets)],  # itsdangerous signs with the last
            salt="winnow.feedback",
            digest_method=hashlib.sha256,
        )
        self._max_age = timedelta(seconds=max_age_s)
        self._clock = clock

    def issue(self, exchange_id: str) -> str:
        """A token for feedback on that exchange."""
        return self._signer.sign(exchange_id).decode("ascii")

    def exchange_id(self, token: str) -> str:
        """The exchange that a token is for.

        Raises:
            RequestError: 401 with code "invalid_feedback_token" or "expired_feedback_token".
        """
        if len(token) > _LONGEST_TOKEN or not token.isascii():
            raise _refusal("invalid")
        try:
            exchange_id, signed_at = self._signer.unsign(token, return_timestamp=True)
        except BadSignature:
            raise _refusal("invalid") from None
        if self._clock() - signed_at > self._max_age:
            raise _refusal("expired")
        return exchange_id.decode("ascii")


def _refusal(why: str) -> RequestError:
    return RequestError(
        f"the feedback token is {why}",
        status=401,
        code=f"{why}_feedback_token",
        param="feedback_token",
    )


def load_or_create_secret(path: Path) -> str:
    """The secret in a file, which is made with mode 0600 unless it is there.

    Of several processes at once exactly one makes it, and all return the same.

    Raises:
        ConfigurationError: the file cannot be made or read, or holds no secret.
    """
    try:
        if not path.exists():
            _create_secret(path)
        secret = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the secret {path} cannot be read or made: {error}") from error
    if len(secret) < _SHORTEST_SECRET:
        raise ConfigurationError(f"{path} holds no secret: delete it, and a new one is made")
    return secret


def _create_secret(path: Path) -> None:
    """Written whole beside `path`, then linked to that name, which only the first can do."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(_SECRET_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError:
        pass  # another process was first
    finally:
        Path(temporary).unlink()
