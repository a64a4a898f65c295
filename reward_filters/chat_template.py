"""The chat template of a model: a conversation and an answer as the text that the model reads.

Templates are Jinja, rendered as Transformers renders them
(https://huggingface.co/docs/transformers/chat_templating): the same sandbox, white-space rules,
filters and functions, and the special tokens that the tokeniser's files name.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn, Self, cast

from jinja2 import Template, TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from gateway.normalisation import encodable
from gateway.protocols import RewardFailure
from gateway.types import Conversation, Message
from reward_filters.control_tokens import ControlTokens

_TEMPLATE_FILE = "chat_template.jinja"
_CONFIG_FILE = "tokenizer_config.json"
_TOKENIZER_FILE = "tokenizer.json"

# What looks like a mark in the source of a template is one that the model was trained to obey,
# whether or not its tokeniser knows it as a special token: "<think>", "[/INST]", "<|im_end|>".
_MARK = re.compile(r"<{1,2}[^\s<>]{1,64}>{1,2}|\[/?[A-Z_]{2,32}\]")

REFUSALS = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError)
"""What rendering a template raises: its own refusal, or what its author did not foresee."""


@dataclass(frozen=True)
class ChatTemplate:
    """A compiled template, and what its tokeniser calls its special tokens.

    Control tokens in the messages are removed before they are rendered; `digest` names them too.
    """

    compiled: Template
    special_tokens: Mapping[str, str]
    control_tokens: ControlTokens
    digest: str

    @classmethod
    def load(cls, path: Path) -> Self:
        """The template of a tokeniser's folder, or one alone in a file of its own.

        In a folder `chat_template.jinja` goes before the one in `tokenizer_config.json`. With a
        file, the tokeniser's files beside it are read too, where there are any.

        Raises:
            ValueError: there is none, or it is no template.
        """
        folder, source = _source(path)
        tokenizer = _Tokenizer(_json(folder / _CONFIG_FILE), _json(folder / _TOKENIZER_FILE))
        special = tokenizer.special_tokens()
        control = sorted({*tokenizer.control_tokens(), *marks(source)})
        material = json.dumps([source, special, control], sort_keys=True).encode()
        try:
            compiled = _environment().from_string(source)
        except TemplateError as error:
            raise ValueError(f"the chat template in {str(path)!r}: {error}") from None
        return cls(
            compiled=compiled,
            special_tokens=special,
            control_tokens=ControlTokens(control),
            digest=hashlib.sha256(material).hexdigest()[:12],
        )

    def render(self, conversation: Conversation, answer: str) -> str:
        """The whole conversation with the operator's prompt, and the answer as its last turn.

        Raises:
            RewardFailure: the template refuses the conversation, as some do with a system message.
        """
        messages = turns(conversation, answer, self.control_tokens)
        try:
            return self.compiled.render(
                messages=messages,
                tools=None,
                documents=None,
                add_generation_prompt=False,
                **self.special_tokens,
            )
        except REFUSALS as error:
            raise refused(error) from None


def turns(conversation: Conversation, answer: str, tokens: ControlTokens) -> list[dict[str, str]]:
    """What a chat template is given: the turns and the answer, without control tokens."""
    messages = (*conversation.as_given_to_a_model(), Message("assistant", answer))
    return [{"role": m.role, "content": tokens.removed(encodable(m.content))} for m in messages]


def refused(error: Exception) -> RewardFailure:
    """Names the kind of the error alone: the template's own words may quote a message."""
    return RewardFailure(f"the chat template refused the conversation: {type(error).__name__}")


def marks(source: str) -> set[str]:
    """What looks like a control token in the source of a template."""
    return set(_MARK.findall(source))


def _source(path: Path) -> tuple[Path, str]:
    """The folder of the tokeniser, and the template."""
    try:
        if path.is_file():
            return path.parent, path.read_text(encoding="utf-8")
        if (file := path / _TEMPLATE_FILE).is_file():
            return path, file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"the chat template in {str(path)!r} is no text") from None
    source: Any = _json(path / _CONFIG_FILE).get("chat_template")
    if isinstance(source, list):
        named = {str(t["name"]): t["template"] for t in cast("list[dict[str, str]]", source)}
        source = named.get("default")
    if not isinstance(source, str):
        raise ValueError(f"no chat template in {str(path)!r}")  # noqa: TRY004 - of a file
    return path, source


def _json(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        return dict(json.loads(file.read_bytes()))
    except ValueError:
        raise ValueError(f"{str(file)!r} is not JSON") from None


@dataclass(frozen=True)
class _Tokenizer:
    """What the files of a tokeniser say of its tokens, in the forms of several years."""

    config: Mapping[str, Any]
    tokenizer: Mapping[str, Any]

    def special_tokens(self) -> dict[str, str]:
        """`bos_token`, `eos_token` and so on: the template knows them by these names."""
        named = {key: _content(v) for key, v in self.config.items() if key.endswith("_token")}
        return {key: content for key, content in named.items() if content}

    def control_tokens(self) -> Iterator[str]:
        added = (
            *self.tokenizer.get("added_tokens", ()),
            *self.config.get("added_tokens_decoder", {}).values(),
        )
        yield from self.special_tokens().values()
        yield from (str(token["content"]) for token in added if token.get("special"))


def _content(token: Any) -> str:
    """A token is written as a string, or as an object with its `content`."""
    if isinstance(token, dict):
        token = cast("dict[str, Any]", token).get("content")
    return token if isinstance(token, str) else ""


class _Generation(Extension):
    """`{% generation %}`, by which training finds what a model said: here it changes nothing."""

    tags = {"generation"}  # noqa: RUF012 - as Jinja declares it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
    )
    environment.filters["tojson"] = _tojson
    functions: dict[str, Any] = environment.globals
    functions.update(raise_exception=_raise_exception, strftime_now=_strftime_now)
    return environment


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Jinja's own escapes what means something in HTML."""
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _raise_exception(message: str) -> NoReturn:
    raise TemplateError(message)


def _strftime_now(template: str) -> str:
    return datetime.now().astimezone().strftime(template)
