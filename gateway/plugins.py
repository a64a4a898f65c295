"""Builds a plug-in from `use: package.module:Class` and its options."""

from collections.abc import Mapping
from typing import Any

from pydantic import ImportString, TypeAdapter, ValidationError

from gateway.errors import ConfigurationError

_IMPORT: TypeAdapter[Any] = TypeAdapter(ImportString[Any])


def build_plugin(use: str, options: Mapping[str, Any], place: str) -> Any:
    """An instance of the class that `use` names.

    Raises:
        ConfigurationError: naming `place` and the class or the option that is wrong.
    """
    try:
        plugin_class = _IMPORT.validate_python(use)
    except ValidationError as error:
        reason = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise ConfigurationError(f"{place}: use: {use!r}: {reason}") from None
    try:
        return plugin_class(**options)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        # A misspelt option that is required fails twice: what is unknown says more than what lacks.
        unknown = (p for p in problems if p["type"] == "unexpected_keyword_argument")
        problem = next(unknown, problems[0])
        where = ": ".join((place, use, *(str(part) for part in problem["loc"])))
        reason = problem["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"{where}: {reason}") from None
    except TypeError as error:
        raise ConfigurationError(f"{place}: {use}: {error}") from None
