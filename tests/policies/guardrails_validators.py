"""Two guardrails-ai validators as a team would write its own, without error spans."""

import threading
from typing import Any

from guardrails.validator_base import (  # pyright: ignore[reportMissingTypeStubs]
    FailResult,
    PassResult,
    ValidationResult,
    Validator,
    register_validator,  # pyright: ignore[reportUnknownVariableType] - the package has no types
)


@register_validator(name="winnow/no-shouting", data_type="string")
class NoShouting(Validator):
    """Fails a text in capital letters, and corrects it."""

    def _validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:  # noqa: ARG002
        if value.isupper():
            return FailResult(error_message="shouting", fix_value=value.lower())
        return PassResult()


@register_validator(name="winnow/which-thread", data_type="string")
class WhichThread(Validator):
    """Fails every text, and gives the thread it runs in as its correction."""

    def _validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:  # noqa: ARG002
        return FailResult(error_message="ran", fix_value=threading.current_thread().name)
