"""`${NAME}` in a file's values: secrets come from the environment and stand in no file."""

import re
from collections.abc import Mapping
from typing import Any

from gateway.errors import ConfigurationError

_VARIABLE = re.compile(r"\$\{(\w+)\}")


def substituted(value: Any, environment: Mapping[str, str], place: str) -> Any:
    """A copy in which every `${NAME}` of every string is that environment variable.

    Raises:
        ConfigurationError: naming `place`, the key and the variable that is not set.
    """
    if isinstance(value, dict):
        return {k: substituted(v, environment, f"{place}: {k}") for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType]  # YAML gives what it gives
    if isinstance(value, list):
        return [substituted(v, environment, place) for v in value]  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(value, str):
        return value
    for name in _VARIABLE.findall(value):
        if name not in environment:
            raise ConfigurationError(f"{place}: the environment variable {name} is not set")
    return _VARIABLE.sub(lambda match: environment[match.group(1)], value)
