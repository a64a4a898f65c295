"""Exchanges and feedback events as JSON text, and back.

What a model or a client wrote may hold NUL and lone surrogates. UTF-8 has no surrogates and
PostgreSQL takes no NUL, so each is stored as U+241B (SYMBOL FOR ESCAPE) and four hexadecimal
digits, and so is U+241B itself: every text comes back as it was. Infinities and NaN, which
JSON lacks, become the strings "Infinity", "-Infinity" and "NaN".
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Generic, TypeVar, cast

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError, to_json

from gateway.types import Exchange, FeedbackEvent

T = TypeVar("T", Exchange, FeedbackEvent)

_MARK = "\u241b"
_UNSTORABLE = re.compile(f"[\x00\ud800-\udfff{_MARK}]")
_ESCAPED = re.compile(f"{_MARK}([0-9a-f]{{4}})")


def escape(text: str) -> str:
    """`text` as every database can store it."""
    return _UNSTORABLE.sub(lambda found: f"{_MARK}{ord(found[0]):04x}", text)


def unescape(text: str) -> str:
    """What `escape` was given."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


class Codec(Generic[T]):
    """Turns values of one type into JSON text and back: `decode(encode(value)) == value`."""

    def __init__(self, kind: type[T]) -> None:
        self._adapter: TypeAdapter[T] = TypeAdapter(kind)

    def encode(self, record: T) -> str:
        try:
            text = _json(record)
        except PydanticSerializationError:  # a lone surrogate
            return _json(_with_strings(record, escape))
        unsafe = _MARK in text or r"\u0000" in text
        return _json(_with_strings(record, escape)) if unsafe else text

    def decode(self, text: str) -> T:
        """The value that was encoded.

        Raises:
            pydantic.ValidationError: the text is no such value.
        """
        record = self._adapter.validate_json(text)
        return _with_strings(record, unescape) if _MARK in text else record


def _json(record: Exchange | FeedbackEvent) -> str:
    return to_json(record, inf_nan_mode="strings", fallback=dict).decode()


def _with_strings(value: Any, change: Callable[[str], str]) -> Any:
    """A copy of a value with every string in it changed, at whatever depth."""
    if isinstance(value, str):
        return change(value)
    if is_dataclass(value) and not isinstance(value, type):
        changed = {f.name: _with_strings(getattr(value, f.name), change) for f in fields(value)}
        return replace(value, **changed)
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value).items()
        return {_with_strings(k, change): _with_strings(v, change) for k, v in items}
    if isinstance(value, (tuple, list, frozenset)):
        members = [_with_strings(member, change) for member in cast("Iterable[Any]", value)]
        return type(cast("Any", value))(members)
    return value


EXCHANGES = Codec(Exchange)
EVENTS = Codec(FeedbackEvent)
