"""A policy set as its author writes it: the shape of the YAML file, and what is wrong with one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from gateway.errors import ConfigurationError
from gateway.misspellings import nearest_key
from gateway.signatures import signing_key
from gateway.types import (
    ROLES,
    Action,
    Conversation,
    Message,
    OnError,
    OnFail,
    PolicyMode,
    Role,
    Stage,
)
from gateway.yaml_files import YamlFile, parse_yaml

_MAX_FILE_BYTES = 4_000_000

# What pydantic says of its own types, in the words of YAML.
_MEANT = {
    "tuple_type": "a list is meant here, such as [input, output]",
    "dict_type": "keys with values are meant here, such as {en: text}",
    "model_type": "keys with values are meant here",
    "model_attributes_type": "keys with values are meant here",
}

Window = Literal["whole", "sentence"]
_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
_Text = Annotated[str, Field(min_length=1)]
_Language = Annotated[str, Field(pattern=r"^[a-z]{2}$")]
_Milliseconds = Annotated[int, Field(gt=0, strict=True)]
Templates = Mapping[str, Mapping[_Language, _Text]]


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
    timeout_ms: _Milliseconds = 3000

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
    roles: Annotated[tuple[Role, ...], Field(min_length=1)] = ROLES
    on_error: OnError = "block"
    timeout_ms: _Milliseconds = 1000
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
    templates: Templates = Field(default_factory=dict[str, Mapping[_Language, _Text]])


class ReadFile:
    """A valid policy file, and where in it its policies stand."""

    def __init__(self, path: Path, file: YamlFile, content: PolicyFile) -> None:
        self._path, self._file = path, file
        self.content = content

    def place(self, index: int) -> str:
        """A policy's file, line, position and name, as an error message begins."""
        line = self._file.line(("policies", index))
        return f"{self._path}:{line}: policies.{index} {self.content.policies[index].name!r}"


def read_policy_file(path: Path) -> ReadFile:
    """Read and check a file.

    Raises:
        ConfigurationError: naming the file, the line, the key's path and what is wrong there.
    """
    file = parse_yaml(_read(path), path)
    try:
        content = PolicyFile.model_validate(file.content)
    except ValidationError as error:
        raise ConfigurationError(_explain(error, path, file)) from None
    except RecursionError:
        raise ConfigurationError(f"{path}: nested too deep") from None
    names: set[str] = set()
    for i, entry in enumerate(content.policies):
        if entry.name in names:
            line = file.line(("policies", i))
            raise ConfigurationError(
                f"{path}:{line}: policies: the name {entry.name!r} is given twice"
            )
        names.add(entry.name)
    return ReadFile(path, file, content)


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise ConfigurationError(f"{path}: larger than {_MAX_FILE_BYTES} bytes")
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: can't be read: {type(error).__name__}") from None


def _explain(error: ValidationError, path: Path, file: YamlFile) -> str:
    problems = error.errors(include_url=False, include_input=False)
    # A misspelt key is often a missing one too: the misspelling says more.
    problem = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    location = problem["loc"]
    message = _MEANT.get(problem["type"], problem["msg"])
    if problem["type"] == "extra_forbidden":
        message = f"unknown key{nearest_key(PolicyFile, location)}"
    elif problem["type"] == "string_pattern_mismatch" and location[-1] == "name":
        message = "lower case letters, digits, - and _, a letter first"
    elif not location:
        message = f"a file has the keys {', '.join(PolicyFile.model_fields)}"
    where = ".".join(map(str, location)) or "the file"
    return f"{path}:{file.line(location)}: {where}: {message}"
