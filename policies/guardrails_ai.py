"""Any guardrails-ai validator, from its hub or one's own, as a policy.

`validator` is the import path of the class, `arguments` are those of its constructor:

    use: policies.guardrails_ai:Validator
    options: {validator: "guardrails_ai.ban_list:BanList", arguments: {banned_words: [...]}}

The validator is called on its own, without a `Guard`: no history, no re-asking, and its `on_fail`
does nothing, since what follows from a finding is the policy set's to say.
"""

import asyncio
import os
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from importlib import import_module
from types import TracebackType
from typing import Any, Protocol, Self

from pydantic import Field
from pydantic.dataclasses import dataclass

from gateway.types import Finding, Subject


class _GuardrailsValidator(Protocol):
    """What is used of guardrails' own class."""

    def validate(self, value: str, metadata: Mapping[str, Any]) -> object: ...


@dataclass(frozen=True, config={"extra": "forbid"})
class Validator:
    """Finds what a guardrails-ai validator fails.

    A failure with error spans gives one finding for each; one without is a finding over the
    whole text, whose replacement is the validator's own corrected text where it has one. The
    validator runs in a worker thread of its own, one text at a time, since most of them are
    neither asynchronous nor safe to call from two threads.

    guardrails-ai takes two seconds to import: that is done when the policy is entered, or else
    with the first text.

    Raises:
        ImportError: (when entered or first used) guardrails-ai or the validator is not installed.
    """

    validator: str = Field(pattern=r"^[\w.]+:\w+$")
    arguments: Mapping[str, Any] = Field(default_factory=dict[str, Any])
    category: str = "guardrails_ai"

    @cached_property
    def _worker(self) -> "_Worker":
        return _Worker(self.validator, self.arguments)

    async def __aenter__(self) -> Self:
        await self._worker.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._worker.stop()

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        result = await self._worker.validate(subject.text)
        if getattr(result, "outcome", None) == "pass":
            return ()
        return _findings(result, subject.text, self.category)


class _Worker:
    """The thread that the validator lives in, started when first needed."""

    def __init__(self, path: str, arguments: Mapping[str, Any]) -> None:
        self._path = path
        self._arguments = arguments
        self._thread: ThreadPoolExecutor | None = None
        self._validator: _GuardrailsValidator | None = None

    async def start(self) -> None:
        await self._run(self._load)

    def stop(self) -> None:
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)
            self._thread = None

    async def validate(self, text: str) -> object:
        return await self._run(lambda: self._load().validate(text, {}))

    async def _run(self, job: Any) -> Any:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="guardrails-ai")
        return await asyncio.get_running_loop().run_in_executor(self._thread, job)

    def _load(self) -> _GuardrailsValidator:
        if self._validator is None:
            self._validator = _load_validator(self._path, self._arguments)
        return self._validator


def _findings(failure: Any, text: str, category: str) -> Sequence[Finding]:
    """Spans that do not lie in the text are not trusted: the whole text is found then."""
    detail = type(failure).__name__
    spans = [(span.start, span.end) for span in getattr(failure, "error_spans", None) or ()]
    if spans and all(0 <= start < end <= len(text) for start, end in spans):
        return [Finding(start, end, category, detail=detail) for start, end in spans]
    fixed = getattr(failure, "fix_value", None)
    replacement = fixed if isinstance(fixed, str) and not spans else "[removed]"
    return [Finding(0, len(text), category, replacement, detail)]


def _load_validator(path: str, arguments: Mapping[str, Any]) -> _GuardrailsValidator:
    _silence_guardrails()
    module, _, name = path.partition(":")
    try:
        validator_class = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ImportError(f"guardrails-ai validator {path!r} can't be imported: {error}") from error
    return validator_class(on_fail="noop", **arguments)


def _silence_guardrails() -> None:
    """Import guardrails-ai so that it calls nobody.

    As it comes it sends a span for each validation to its makers (settings that turn this off are
    overwritten from ~/.guardrailsrc, so the reader of that file is replaced), its dependency
    litellm fetches a table of prices when imported, and texts are kept in a history.
    """
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["GUARD_HISTORY_ENABLED"] = "false"
    try:
        with warnings.catch_warnings():
            # Deprecations inside its dependencies are not ours to mend.
            warnings.simplefilter("ignore")
            rc: Any = import_module("guardrails.classes.rc").RC
            settings: Any = import_module("guardrails.settings").settings
    except ImportError as error:
        raise ImportError(
            "policies.guardrails_ai needs Winnow's extra 'guardrails': pip install '.[guardrails]'"
            f" ({error})"
        ) from error
    quiet = rc(enable_metrics=False, use_remote_inferencing=False)

    def load(_class: type, _logger: object = None) -> object:
        return quiet

    rc.load = classmethod(load)
    settings.rc = quiet
