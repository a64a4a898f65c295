"""The values that flow through the gateway.

All are frozen: a stage reads some and returns new ones. Nothing here does I/O, and nothing here
imports another module of the gateway.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final, Literal, TypeVar, get_args

from pydantic import JsonValue

T = TypeVar("T")

Role = Literal["system", "developer", "user", "assistant", "tool"]
SYSTEM_ROLES: Final = ("system", "developer")
ROLES: Final[tuple[Role, ...]] = get_args(Role)
Stage = Literal["input", "output", "tool"]
AUTHORS: Final[Mapping[Stage, Role]] = {"input": "user", "output": "assistant", "tool": "tool"}
"""Whose text is judged at a stage, where nobody says otherwise."""
Mode = Literal["quality", "balanced", "fast"]
PolicyMode = Literal["enforce", "shadow", "off"]
OnFail = Literal["block", "redact", "flag"]
OnError = Literal["block", "allow"]
Action = Literal["pass", "flag", "redact", "block", "error"]


# --- what was asked -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `content` is plain text: content parts are joined where the request is parsed."""

    role: Role
    content: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """The client's turns, and apart from them the operator's prompt.

    They are kept apart because the operator's prompt counts as fact and must not leak, while a
    system message sent by a client is only another text from outside.
    """

    messages: tuple[Message, ...]
    operator_prompt: str = ""

    def as_given_to_a_model(self) -> tuple["Message", ...]:
        """The turns with all system texts joined into one message, first: the operator's prompt,
        then what the client sent as system or developer.

        Several system messages are more than most chat templates take.
        """
        system = [m.content for m in self.messages if m.role in SYSTEM_ROLES]
        if self.operator_prompt:
            system.insert(0, self.operator_prompt)
        turns = tuple(m for m in self.messages if m.role not in SYSTEM_ROLES)
        return (Message("system", "\n\n".join(system)), *turns) if system else turns

    def until(self, index: int) -> "Conversation":
        """The conversation up to that turn."""
        return Conversation(self.messages[: index + 1], self.operator_prompt)

    @property
    def last_user_text(self) -> str:
        return next((m.content for m in reversed(self.messages) if m.role == "user"), "")


@dataclass(frozen=True, slots=True)
class SamplingParameters:
    """What an upstream is asked to sample with; None leaves the upstream's own default."""

    max_tokens: int
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    extra: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `key_id` is a pseudonym (never the key), None on the loopback demo."""

    key_id: str | None
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One request after parsing: every field has a value, whatever the client left out."""

    model: str
    conversation: Conversation
    sampling: SamplingParameters
    n_choices: int = 1
    n_candidates: int = 4
    mode: Mode = "quality"
    policy_sets: tuple[str, ...] = ()
    session_id: str | None = None
    user_id: str | None = None
    consent: bool | None = None
    ignored: tuple[str, ...] = ()


# --- what was sampled -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fragment:
    """What came next of one answer, the `draw`-th of a call; `tokens` is as exact as can be.
    The last has its `finish_reason`, or the `error` code of this draw alone; counts may follow.
    """

    text: str = ""
    draw: int = 0
    tokens: int = 0
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    error: str | None = None


CandidateOutcome = Literal["finished", "failed", "censored"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One draw, whatever became of it. Times are milliseconds since the request arrived.

    "censored" is a draw that was cut off, or has not ended yet, with what had come by then.
    `error` is the code of a failure (`errors.UpstreamFailure.code`), `hedges` the index of the
    silent draw that this one was started for.
    """

    index: int
    outcome: CandidateOutcome
    text: str = ""
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    started_ms: float = 0.0
    first_token_ms: float | None = None
    finished_ms: float = 0.0
    error: str | None = None
    hedges: int | None = None


# --- what the policies said -----------------------------------------------------------------


@dataclass(frozen=True)
class Subject:
    """A text under judgement.

    `normalised` is `text` after Unicode folding, and `offsets[i]` is the position in `text` of
    the character that gave `normalised[i]` (one entry more than characters: the end), so that a
    match in the folded text can be marked in the real one. Both are made by `fold` when first
    asked for: a text that is refused for its length is never folded.
    """

    text: str
    stage: Stage
    conversation: Conversation
    fold: Callable[[str], tuple[str, Sequence[int]]]
    role: Role = "user"
    _derived: dict[Callable[["Subject"], Any], Any] = field(
        default_factory=dict[Callable[["Subject"], Any], Any], init=False, repr=False, compare=False
    )

    def derived(self, make: Callable[["Subject"], T]) -> T:
        """What `make` makes of this text: made once, however many policies ask for it.

        `make` is a pure function of a module: it is known by its identity.
        """
        if make not in self._derived:
            self._derived[make] = make(self)
        return self._derived[make]

    @cached_property
    def _folded(self) -> tuple[str, Sequence[int]]:
        return self.fold(self.text)

    @property
    def normalised(self) -> str:
        return self._folded[0]

    @property
    def offsets(self) -> Sequence[int]:
        return self._folded[1]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The span of `text` that gave `normalised[start:end]` (end exclusive, not empty)."""
        return self.offsets[start], self.offsets[end - 1] + 1


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a policy found: `text[start:end]`, and what would stand there if redacted.

    `category` is what the customer's template and the statistics are keyed by. `detail` says
    why in words fit for a log: it never quotes the text. `score` is the probability, 0 to 1,
    that a model gave; a rule gives none.
    """

    start: int
    end: int
    category: str
    replacement: str = "[removed]"
    detail: str = ""
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one policy of a set said of one text.

    `action` is what the verdict asks for; it acts only when `enforced` (shadow verdicts are
    recorded and never act). "error" means that the policy could not run; `withheld` says whether
    its `on_error` then holds the text back.
    """

    policy: str
    stage: Stage
    action: Action
    enforced: bool
    findings: tuple[Finding, ...] = ()
    detail: str = ""
    withheld: bool = False
    duration_ms: float = 0.0

    @property
    def category(self) -> str | None:
        return self.findings[0].category if self.findings else None


@dataclass(frozen=True, slots=True)
class Screening:
    """A text after its policies: `shown` is `original` with the enforced redactions applied."""

    original: str
    shown: str
    verdicts: tuple[Verdict, ...] = ()
    blocked_by: Verdict | None = None

    @property
    def passed(self) -> bool:
        return self.blocked_by is None


# --- what was chosen ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ScoredCandidate:
    """A candidate with its screening and its raw reward.

    `screening` is None where there was nothing to screen (a failed draw); `reward` is None where
    none was given: blocked candidates are never scored, and a failed reward model scores nothing.
    `p_ok` is the probability that the answer is acceptable, `prefix_reward` scores its beginning.
    """

    candidate: Candidate
    screening: Screening | None = None
    reward: float | None = None
    p_ok: float | None = None
    prefix_reward: float | None = None

    @property
    def eligible(self) -> bool:
        return self.screening is not None and self.screening.passed

    @property
    def shown(self) -> str:
        return self.screening.shown if self.screening is not None else ""


@dataclass(frozen=True, slots=True)
class Selection:
    """The decision really taken, with the probability it had.

    `probabilities` maps each eligible candidate's index to its probability; `draw` is the
    uniform number in [0, 1) that decided. `stage` is "full" when whole answers were compared.
    """

    index: int
    probability: float
    strategy: str
    probabilities: Mapping[int, float]
    draw: float
    stage: Literal["prefix", "full"] = "full"


ChoiceFinish = Literal["stop", "length", "content_filter"]


@dataclass(frozen=True, slots=True)
class Choice:
    """What the customer is shown. A template has no candidate and no selection."""

    index: int
    text: str
    finish_reason: ChoiceFinish
    candidate_index: int | None = None
    selection: Selection | None = None


# --- what is kept ---------------------------------------------------------------------------

ExchangeOutcome = Literal[
    "answered",
    "blocked_input",
    "blocked_output",
    "guard_failed",
    "upstream_failed",
    "abandoned",
    "failed",
]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and everything that came of it: the unit of the ledger.

    `handed_over` says whether a person took over where no candidate passed, None if none was asked.
    `stopped_by` is why no more was sampled, `reward_failure` why the rewards decided nothing.
    """

    id: str
    created_at: datetime
    request: ChatRequest
    caller: Caller
    outcome: ExchangeOutcome
    policy_digest: str
    handed_over: bool | None = None
    input_screenings: tuple[Screening, ...] = ()
    candidates: tuple[ScoredCandidate, ...] = ()
    choices: tuple[Choice, ...] = ()
    stopped_by: str | None = None
    reward_revision: str | None = None
    reward_degraded: bool = False
    reward_failure: str | None = None
    timings_ms: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def conversation_id(self) -> str:
        """One pseudonym for all exchanges of a conversation, never shared between two keys.

        The client's session where it names one, or else what the turns have in common: the
        first user turn.
        """
        messages = self.request.conversation.messages
        first = next((m.content for m in messages if m.role == "user"), "")
        if self.input_screenings:  # as it was written, not as the model was shown it
            turns = zip(messages, self.input_screenings, strict=True)
            first = next((s.original for m, s in turns if m.role == "user"), "")
        thread = ("first turn", first)
        if self.request.session_id is not None:
            thread = ("session", self.request.session_id)
        material = repr((self.caller.key_id, *thread)).encode("utf-8", "surrogatepass")
        return hashlib.sha256(material).hexdigest()[:32]

    @property
    def blocked_categories(self) -> tuple[str, ...]:
        """The categories that kept a text back, each once, in the order they were met."""
        screenings = [*self.input_screenings, *(c.screening for c in self.candidates)]
        blocking = [s.blocked_by for s in screenings if s is not None and s.blocked_by is not None]
        return tuple(dict.fromkeys(v.category or v.action for v in blocking))


FeedbackSource = Literal["customer", "reviewer", "implicit"]


@dataclass(frozen=True, slots=True)
class FeedbackEvent:
    """One thing somebody said about one choice of one exchange. Events are only ever added.

    `rating` is 1 (up), -1 (down) or None; `score` is free, higher is better. A retraction is an
    event of its own with `retracts` set.
    """

    id: str
    exchange_id: str
    choice_index: int
    created_at: datetime
    source: FeedbackSource = "customer"
    rating: Literal[1, -1] | None = None
    score: float | None = None
    reasons: tuple[str, ...] = ()
    comment: str | None = None
    correction: str | None = None
    by: str | None = None
    retracts: str | None = None
    idempotency_key: str | None = None
