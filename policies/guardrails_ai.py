"""Any guardrails-ai validator, from its hub or one's own, as a policy.

`validator` is the import path of the class, `arguments` are those of its constructor:

    use: policies.guardrails_ai:Validator
    options: {validator: "guardrails_ai.ban_list:BanList", arguments: {banned_words: [...]}}

The validator is called on its own, without a `Guard`: no history, no re-asking. What guardrails-ai
calls its `on_fail` is `action` here; what then happens to the text is the policy set's to say.
"""

import asyncio
import dataclasses
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from functools import cached_property, partial
from importlib import import_module
from types import TracebackType
from typing import Any, Literal, ParamSpec, Protocol, Self, TypeVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from gateway.types import Finding, Subject
from policies.corrections import changes

P = ParamSpec("P")
T = TypeVar("T")

ValidatorAction = Literal["finding", "fix", "refrain", "exception"]
SubjectPart = Literal["prompt", "conversation", "operator_prompt", "stage"]
_PARTS: Mapping[str, SubjectPart] = {"prompt": "prompt", "conversation": "conversation"}

# Some validators mark the inside of a word (ban-list 0.1.0 begins its spans one character late):
# a span is widened to whole words, which are not longer than this.
_LONGEST_WORD = 64


class _GuardrailsValidator(Protocol):
    """What is used of guardrails' own class."""

    def validate(self, value: str, metadata: dict[str, Any]) -> Any: ...

    async def async_validate(self, value: str, metadata: dict[str, Any]) -> Any: ...


@dataclass(frozen=True, config={"extra": "forbid"})
class Validator:
    """Finds what a guardrails-ai validator fails.

    `action` says what a failure finds:

    - `finding`: its error spans, widened to whole words; without them the whole text.
    - `fix`: what its corrected text changes, each place with the correction as its replacement;
      without one as `finding`.
    - `refrain`: the whole text, replaced by nothing.
    - `exception`: the whole text. A validator that raises guardrails' ValidationError does this
      by itself.

    `metadata` is given to the validator with each text, and to it are added the parts of the
    subject that `from_subject` names: {key: part}. A part is `prompt` (what the customer wrote
    last), `conversation` (a list of {role, content}), `operator_prompt` or `stage`.

    A validator with an `async_validate` of its own is awaited on the event loop, as guardrails'
    AsyncGuard does. All others run in a worker thread of their own, one text at a time, since
    most are not safe to call from two threads. guardrails-ai takes two seconds to import: that
    is done when the policy is entered, or else with the first text.

    Raises:
        ImportError: (when entered or first used) guardrails-ai or the validator is not installed.
    """

    validator: str = Field(pattern=r"^[\w.]+:\w+$")
    arguments: Mapping[str, Any] = Field(default_factory=dict[str, Any])
    action: ValidatorAction = "finding"
    metadata: Mapping[str, Any] = Field(default_factory=dict[str, Any])
    from_subject: Mapping[str, SubjectPart] = Field(default_factory=lambda: dict(_PARTS))
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
        """As `Policy.judge`. Raises what the validator raises, ValidationError excepted."""
        parts = {key: _part(subject, part) for key, part in self.from_subject.items()}
        result = await self._worker.validate(subject.text, {**deepcopy(self.metadata), **parts})
        match getattr(result, "outcome", None):
            case "pass":
                return ()
            case "fail":
                return self._findings(result, subject.text)
            case _:
                raise TypeError(f"{self.validator} gave a {type(result).__name__}, no verdict")

    def _findings(self, failure: Any, text: str) -> Sequence[Finding]:
        # The validator's own message may quote the text.
        detail = f"failed {self.validator}"
        whole = (0, len(text))
        if self.action == "refrain":
            return [Finding(*whole, self.category, "", detail)]
        fixed = failure.fix_value
        if self.action == "fix" and isinstance(fixed, str) and fixed != text:
            return changes(text, fixed, self.category, detail)
        spans = () if self.action == "exception" else _spans(failure, text)
        return [Finding(*span, self.category, detail=detail) for span in spans or (whole,)]


def _part(subject: Subject, part: SubjectPart) -> Any:
    match part:
        case "prompt":
            return subject.conversation.last_user_text
        case "conversation":
            turns = subject.conversation.messages
            return [{"role": turn.role, "content": turn.content} for turn in turns]
        case "operator_prompt":
            return subject.conversation.operator_prompt
        case "stage":
            return subject.stage


def _spans(failure: Any, text: str) -> Sequence[tuple[int, int]]:
    """The failure's error spans; none where one of them does not lie in the text."""
    spans = [(span.start, span.end) for span in failure.error_spans or ()]
    if not all(0 <= start < end <= len(text) for start, end in spans):
        return ()
    return [_whole_words(text, start, end) for start, end in spans]


def _whole_words(text: str, start: int, end: int) -> tuple[int, int]:
    first, last = max(0, start - _LONGEST_WORD), min(len(text), end + _LONGEST_WORD)
    while start > first and text[start - 1].isalnum() and text[start].isalnum():
        start -= 1
    while end < last and text[end - 1].isalnum() and text[end].isalnum():
        end += 1
    return start, end


class _Failed:
    """The result of a validator that raised guardrails' ValidationError."""

    outcome = "fail"
    error_spans = None
    fix_value = None


class _Worker:
    """The validator, and the thread that it lives in, started when first needed."""

    def __init__(self, path: str, arguments: Mapping[str, Any]) -> None:
        self._path = path
        self._arguments = arguments
        self._thread: ThreadPoolExecutor | None = None
        self._loaded: _Loaded | None = None

    async def start(self) -> "_Loaded":
        loaded = self._loaded or await self._in_thread(_load, self._path, self._arguments)
        self._loaded = loaded
        return loaded

    def stop(self) -> None:
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)
            self._thread = None

    async def validate(self, text: str, metadata: dict[str, Any]) -> Any:
        loaded = await self.start()
        validator = loaded.validator
        try:
            if loaded.is_asynchronous:
                return await validator.async_validate(text, metadata)
            return await self._in_thread(validator.validate, text, metadata)
        except loaded.validation_error:
            return _Failed()

    async def _in_thread(self, job: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="guardrails-ai")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, partial(job, *args, **kwargs))


@dataclasses.dataclass(frozen=True)
class _Loaded:
    """A validator, whether it is awaited, and guardrails' own way to raise a failure."""

    validator: _GuardrailsValidator
    is_asynchronous: bool
    validation_error: type[Exception]


def _load(path: str, arguments: Mapping[str, Any]) -> _Loaded:
    _silence_guardrails()
    module, _, name = path.partition(":")
    try:
        validator_class = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ImportError(f"guardrails-ai validator {path!r} can't be imported: {error}") from error
    base: Any = import_module("guardrails.validator_base").Validator
    return _Loaded(
        validator=validator_class(on_fail="noop", **arguments),
        is_asynchronous=validator_class.async_validate is not base.async_validate,
        validation_error=import_module("guardrails.errors").ValidationError,
    )


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
