"""A YAML file into a policy set: ordered policies, what follows from each, and the texts shown.

The order in the file is the order of precedence. A set has a digest over all that it says, which
is stored with every exchange.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationError,
    model_validator,
)

from gateway.errors import ConfigurationError
from gateway.plugins import build_plugin
from gateway.protocols import Policy
from gateway.types import (
    Action,
    Conversation,
    Message,
    OnError,
    OnFail,
    PolicyMode,
    Role,
    Stage,
)

_MAX_FILE_BYTES = 4_000_000

_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
_Text = Annotated[str, Field(min_length=1)]
Templates = Mapping[str, Mapping[str, str]]


class _FromFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Turn(_FromFile):
    """One message of an example's conversation."""

    role: Role
    content: str


class Example(_FromFile):
    """A text, and what its policy has to say of it.

    `text` is repeated `repeat` times. It stands in `conversation`, or in one whose only message
    is the user's `prompt`. Without a `stage` it is judged at the policy's first.
    """

    text: str
    expect: Action
    repeat: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    stage: Stage | None = None
    prompt: str | None = None
    conversation: tuple[Turn, ...] = ()
    operator_prompt: str = ""

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> "Example":
        if self.prompt is not None and self.conversation:
            raise ValueError("give either prompt or conversation, not both")
        return self

    def context(self) -> Conversation:
        turns = self.conversation or (
            () if self.prompt is None else (Turn(role="user", content=self.prompt),)
        )
        messages = tuple(Message(turn.role, turn.content) for turn in turns)
        return Conversation(messages, self.operator_prompt)


class Fallback(_FromFile):
    """What happens when no candidate passed: `resample` more of them, then `template`."""

    resample: Annotated[int, Field(ge=0, le=64)] = 0
    template: _Text = "I'm sorry, I can't help with that."


def _unquoted_off(mode: object) -> object:
    """YAML 1.1 reads a bare `off` as false."""
    return "off" if mode is False else mode


class _Entry(_FromFile):
    name: _Name
    use: str
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    on_fail: OnFail
    mode: Annotated[PolicyMode, BeforeValidator(_unquoted_off)] = "enforce"
    on_error: OnError = "block"
    timeout_ms: PositiveInt = 1000
    options: Mapping[str, Any] = Field(default_factory=dict[str, Any])
    examples: tuple[Example, ...] = ()

    @model_validator(mode="after")
    def _examples_are_at_its_stages(self) -> "_Entry":
        strange = {e.stage for e in self.examples if e.stage is not None} - set(self.stages)
        if strange:
            raise ValueError(f"an example is at stage {min(strange)!r}, the policy is not")
        return self


class _File(_FromFile):
    policies: Annotated[tuple[_Entry, ...], Field(min_length=1, max_length=200)]
    fallback: Fallback = Fallback()
    templates: Mapping[str, Mapping[str, _Text]] = Field(
        default_factory=dict[str, Mapping[str, _Text]]
    )


_MODELS: Mapping[tuple[str, ...], type[BaseModel]] = {
    (): _File,
    ("policies",): _Entry,
    ("policies", "examples"): Example,
    ("policies", "examples", "conversation"): Turn,
    ("fallback",): Fallback,
}


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """A policy in its place in a set: where it judges, and what follows from its findings."""

    name: str
    policy: Policy
    stages: tuple[Stage, ...]
    on_fail: OnFail
    mode: PolicyMode = "enforce"
    on_error: OnError = "block"
    timeout_ms: int = 1000
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicySet:
    """Policies in order of precedence. `templates` is keyed by category, then by language."""

    name: str
    entries: tuple[PolicyEntry, ...]
    fallback: Fallback
    templates: Templates
    digest: str

    @property
    def policies(self) -> Sequence[Policy]:
        """Every plug-in of the set, for whoever opens and closes them."""
        return tuple(entry.policy for entry in self.entries)


def load_policy_set(path: Path) -> PolicySet:
    """Read, check and build the policy set in a file; its name is the file's stem.

    Raises:
        ConfigurationError: naming the file, the line, the key's path and what is wrong there.
    """
    text = _read(path)
    try:
        node, content = yaml.compose(text, yaml.SafeLoader), yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise ConfigurationError(f"{path}{line}: not valid YAML") from None
    try:
        file = _File.model_validate(content)
    except ValidationError as error:
        raise ConfigurationError(_explain(error, path, node)) from None
    _refuse_twins(file, path)
    entries = tuple(
        _build(entry, f"{path}:{_line(node, ('policies', i))}: policies.{i} {entry.name!r}")
        for i, entry in enumerate(file.policies)
    )
    digest = _digest(file, [entry.policy for entry in entries])
    return PolicySet(path.stem, entries, file.fallback, file.templates, digest)


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise ConfigurationError(f"{path}: larger than {_MAX_FILE_BYTES} bytes")
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: can't be read: {type(error).__name__}") from None


def _refuse_twins(file: _File, path: Path) -> None:
    name, times = Counter(entry.name for entry in file.policies).most_common(1)[0]
    if times > 1:
        raise ConfigurationError(f"{path}: policies: the name {name!r} is given {times} times")


def _build(entry: _Entry, place: str) -> PolicyEntry:
    policy = build_plugin(entry.use, entry.options, place)
    if not isinstance(policy, Policy):
        raise ConfigurationError(f"{place}: use: {entry.use!r} is not a policy: it has no judge()")
    return PolicyEntry(
        name=entry.name,
        policy=policy,
        stages=entry.stages,
        on_fail=entry.on_fail,
        mode=entry.mode,
        on_error=entry.on_error,
        timeout_ms=entry.timeout_ms,
        examples=entry.examples,
    )


def _digest(file: _File, policies: Sequence[Policy]) -> str:
    """Over the file's content, defaults filled in, so that comments and layout don't count.

    A plug-in that reads files of its own says what they hold in an attribute `digest`.
    """
    content = {"file": file.model_dump(), "plugins": [getattr(p, "digest", None) for p in policies]}
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()


# --- errors ---------------------------------------------------------------------------------

_Location = tuple[str | int, ...]


def _explain(error: ValidationError, path: Path, node: yaml.Node | None) -> str:
    problems = error.errors(include_url=False, include_input=False)
    # A misspelt key is often a missing one too: the misspelling says more.
    problem = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    location: _Location = problem["loc"]
    message = problem["msg"]
    if problem["type"] == "extra_forbidden":
        message = f"unknown key{_nearest(location)}"
    where = ".".join(map(str, location)) or "the file"
    return f"{path}:{_line(node, location)}: {where}: {message}"


def _nearest(location: _Location) -> str:
    parents = tuple(key for key in location[:-1] if isinstance(key, str))
    model = _MODELS.get(parents)
    names = list(model.model_fields) if model is not None else []
    near = get_close_matches(str(location[-1]), names, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; the keys here are {', '.join(names)}"


def _line(node: yaml.Node | None, location: _Location) -> int:
    """The line of the deepest node on the way to a location that the file really has."""
    line = 1
    for key in location:
        if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
        elif isinstance(node, yaml.MappingNode):
            pairs: Sequence[tuple[yaml.Node, yaml.Node]] = node.value
            found = next(((k, v) for k, v in pairs if k.value == key), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
            continue
        else:
            break
        line = node.start_mark.line + 1 if node is not None else line
    return line
