"""Texts that must be JSON of a given form, for models that answer programs."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import Any, Self, cast

import jsonschema_rs
from pydantic import PositiveInt, model_validator
from pydantic.dataclasses import dataclass

from gateway.types import Finding, Subject

_MOST_REASONS = 5
_FENCE = "```"


class _NotJson(ValueError):
    """What JSON (RFC 8259) leaves open or forbids, and Python's reader lets through."""


@dataclass(frozen=True, config={"extra": "forbid"})
class JsonSchema:
    """Finds a text that is not JSON, or not of the `schema` (or that in `file`).

    Read strictly: a key that an object has twice, NaN and infinities, and values nested deeper
    than `max_depth` are findings, as programs read them differently or not at all. With `fenced`
    the JSON may stand in a Markdown fence (```json), and nothing outside it.

    The schema may be of any draft, 2020-12 unless it says so. Nothing is ever fetched for it,
    and its patterns are matched in linear time (no look-around, no back-references).

    Raises:
        ValueError: when made, if the schema is not one, refers to another document, or can't be
            read.
    """

    schema: Mapping[str, Any] | bool | None = None
    file: Path | None = None
    fenced: bool = False
    max_depth: PositiveInt = 32
    category: str = "json_schema"

    @model_validator(mode="after")
    def _is_a_schema(self) -> Self:
        if (self.schema is None) == (self.file is None):
            raise ValueError("give either schema or file")
        _ = self._validator
        return self

    @property
    def digest(self) -> str:
        """Sha256 of the schema: a policy set names what its file holds."""
        return hashlib.sha256(json.dumps(self._schema, sort_keys=True).encode()).hexdigest()

    @cached_property
    def _schema(self) -> Any:
        if self.file is None:
            return self.schema
        try:
            return json.loads(self.file.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise ValueError(f"file: {str(self.file)!r}: {type(error).__name__}") from None

    @cached_property
    def _validator(self) -> jsonschema_rs.Validator:
        try:
            return jsonschema_rs.validator_for(
                self._schema, offline=True, pattern_options=jsonschema_rs.RegexOptions()
            )
        except jsonschema_rs.ValidationError as error:
            raise ValueError(f"no JSON schema that can be used: {error.message}") from None

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        reasons = self._reasons(subject.text)
        length = len(subject.text)
        return [Finding(0, length, self.category, detail=reason) for reason in reasons]

    def _reasons(self, text: str) -> Sequence[str]:
        """Why the text does not fit. Names places of the schema, nothing that the text says."""
        try:
            value = json.loads(
                _unfenced(text) if self.fenced else text,
                object_pairs_hook=_object,
                parse_constant=_refuse_constant,
                parse_float=_finite,
            )
        except json.JSONDecodeError as error:
            return (f"no JSON: line {error.lineno}, column {error.colno}",)
        except _NotJson as error:
            return (str(error),)
        except (ValueError, RecursionError):  # thousands of digits or brackets
            return ("no JSON that could be read",)
        if _is_deeper(value, self.max_depth):
            return (f"nested deeper than {self.max_depth}",)
        try:
            errors = list(islice(self._validator.iter_errors(value), _MOST_REASONS))
        except UnicodeEncodeError:
            return ("a key with half a surrogate pair",)
        places = ("/".join(map(str, error.schema_path)) for error in errors)
        return tuple(dict.fromkeys(f"fails {place or 'the schema'}" for place in places))


def _unfenced(text: str) -> str:
    """What stands in the one fence that the text is; the text as it is, if it is none."""
    stripped = text.strip()
    first, _, rest = stripped.partition("\n")
    if first.strip().lower() not in {_FENCE, f"{_FENCE}json"} or not rest.endswith(_FENCE):
        return text
    return rest.removesuffix(_FENCE)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise _NotJson("an object has a key twice")
    return value


def _refuse_constant(_name: str) -> Any:
    raise _NotJson("NaN or an infinity")


def _finite(digits: str) -> float:
    number = float(digits)
    if not isfinite(number):
        raise _NotJson("a number too large")
    return number


def _is_deeper(value: Any, limit: int) -> bool:
    """Whether arrays and objects stand in one another more than `limit` deep."""
    level: list[Any] = [value]
    for _ in range(limit + 1):
        level = [inner for outer in level for inner in _members(outer)]
        if not level:
            return False
    return True


def _members(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return cast("dict[str, Any]", value).values()
    return cast("list[Any]", value) if isinstance(value, list) else ()
