"""guardrails-ai validators as a team would write its own."""

import asyncio
import threading
from typing import Any

from guardrails.errors import ValidationError  # pyright: ignore[reportMissingTypeStubs]
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


@register_validator(name="winnow/no-exclamation", data_type="string")
class NoExclamation(Validator):
    """Fails a text with exclamation marks, and corrects them, without saying where they stand."""

    def _validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:  # noqa: ARG002
        if "!" in value:
            return FailResult(error_message=value, fix_value=value.replace("!", "."))
        return PassResult()


@register_validator(name="winnow/which-thread", data_type="string")
class WhichThread(Validator):
    """Fails every text, and gives the thread it runs in as its correction."""

    def _validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:  # noqa: ARG002
        return FailResult(error_message="ran", fix_value=threading.current_thread().name)


@register_validator(name="winnow/raises", data_type="string")
class Raises(Validator):
    """Raises what a text asks for: guardrails' own failure, or a mistake."""

    def _validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:  # noqa: ARG002
        if value == "fail":
            raise ValidationError(value)
        if value == "break":
            raise KeyError(value)
        if value == "shrug":
            return None  # pyright: ignore[reportReturnType] - what a careless author writes
        return PassResult()


@register_validator(name="winnow/repeats-the-customer", data_type="string")
class RepeatsTheCustomer(Validator):
    """Fails an answer that is what the metadata say the customer asked; changes the metadata."""

    def _validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:
        asked = metadata["asked"]
        ignored = metadata["ignored"]
        ignored.append("seen")
        assert ignored == ["thanks", "seen"]
        assert [turn["role"] for turn in metadata["turns"]] == ["user"]
        assert metadata["stage"] == "output"
        if value == asked:
            return FailResult(error_message="repeated")
        return PassResult()


@register_validator(name="winnow/meets-others", data_type="string")
class MeetsOthers(Validator):
    """An asynchronous one: it fails a text when another one is under way at the same time."""

    _under_way = 0

    async def async_validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:  # noqa: ARG002
        self._under_way += 1
        try:
            await asyncio.sleep(0.01)
            met = self._under_way > 1
        finally:
            self._under_way -= 1
        return FailResult(error_message="met") if met else PassResult()
