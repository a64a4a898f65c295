"""A policy set as its author writes it: the shape of the YAML file, and what is wrong with one."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from gateway.errors import ConfigurationError
from gateway.misspellings import nearest_key
from gateway.signatures import signing_key
from gateway.types import Action, Conversation, Message, OnError, OnFail, PolicyMode, Role, Stage

_MAX_FILE_BYTES = 4_000_000

Window = Literal["whole", "sentence"]
_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
_Text = Annotated[str, Field(min_length=1)]
Templates = Mapping[str, Mapping[str, _Text]]


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


class HandoffSettings(_FromFile):
    """The webhook that takes a conversation over to a person.

    `secret` signs what is sent; take it from the environment: `${NAME}`.
    """

    url: Annotated[str, Field(pattern=r"^(https?://|\$\{)")]
    secret: str = ""
    timeout_ms: PositiveInt = 3000

    @field_validator("secret")
    @classmethod
    def _can_sign(cls, secret: str) -> str:
        if "${" not in secret:
            signing_key(secret)
        return secret


class Fallback(_FromFile):
    """What happens when no candidate passed: `resample` more of them, then `handoff`, `template`.

    With a `handoff` that succeeded, the template of the category "handoff" is shown.
    """

    resample: Annotated[int, Field(ge=0, le=64)] = 0
    handoff: HandoffSettings | None = None
    template: _Text = "I'm sorry, I can't help with that."


def _unquoted_off(mode: object) -> object:
    """YAML 1.1 reads a bare `off` as false."""
    return "off" if mode is False else mode


class EntryFile(_FromFile):
    """One policy of a set."""

    name: _Name
    use: str
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    on_fail: OnFail
    mode: Annotated[PolicyMode, BeforeValidator(_unquoted_off)] = "enforce"
    on_error: OnError = "block"
    timeout_ms: PositiveInt = 1000
    window: Window = "whole"
    options: Mapping[str, Any] = Field(default_factory=dict[str, Any])
    examples: tuple[Example, ...] = ()

    @model_validator(mode="after")
    def _examples_are_at_its_stages(self) -> "EntryFile":
        strange = {e.stage for e in self.examples if e.stage is not None} - set(self.stages)
        if strange:
            raise ValueError(f"an example is at stage {min(strange)!r}, the policy is not")
        return self


class PolicyFile(_FromFile):
    """A whole file."""

    policies: Annotated[tuple[EntryFile, ...], Field(min_length=1, max_length=200)]
    fallback: Fallback = Fallback()
    templates: Templates = Field(default_factory=dict[str, Mapping[str, _Text]])


class ReadFile:
    """A valid policy file, and where in it its policies stand."""

    def __init__(self, path: Path, node: yaml.Node | None, content: PolicyFile) -> None:
        self._path, self._node = path, node
        self.content = content

    def place(self, index: int) -> str:
        """A policy's file, line, position and name, as an error message begins."""
        line = _line(self._node, ("policies", index))
        return f"{self._path}:{line}: policies.{index} {self.content.policies[index].name!r}"


def read_policy_file(path: Path) -> ReadFile:
    """Read and check a file.

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
        file = PolicyFile.model_validate(content)
    except ValidationError as error:
        raise ConfigurationError(_explain(error, path, node)) from None
    name, times = Counter(entry.name for entry in file.policies).most_common(1)[0]
    if times > 1:
        raise ConfigurationError(f"{path}: policies: the name {name!r} is given {times} times")
    return ReadFile(path, node, file)


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise ConfigurationError(f"{path}: larger than {_MAX_FILE_BYTES} bytes")
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: can't be read: {type(error).__name__}") from None


def _explain(error: ValidationError, path: Path, node: yaml.Node | None) -> str:
    problems = error.errors(include_url=False, include_input=False)
    # A misspelt key is often a missing one too: the misspelling says more.
    problem = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    location = problem["loc"]
    message = problem["msg"]
    if problem["type"] == "extra_forbidden":
        message = f"unknown key{nearest_key(PolicyFile, location)}"
    where = ".".join(map(str, location)) or "the file"
    return f"{path}:{_line(node, location)}: {where}: {message}"


def _line(node: yaml.Node | None, location: Sequence[str | int]) -> int:
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
