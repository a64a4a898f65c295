"""Examples as rows with the columns by which TRL's trainers know what to do.

All kinds use TRL's conversational form, in which a text is a list of messages with `role` and
`content`. Columns and kinds are those of TRL 1.16, "Dataset formats and types".
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.alignment.manifest import ExportOptions, Kind
from gateway.alignment.pairs import LabelledAnswer, PreferencePair
from gateway.types import Conversation

Example = LabelledAnswer | PreferencePair
Row = Mapping[str, Any]

_SURROGATE = re.compile("[\ud800-\udfff]")  # a model's text may hold some, UTF-8 may not


def row(kind: Kind, example: Example, options: ExportOptions) -> Row:
    """One row of a dataset of that kind."""
    prompt = _messages(example.conversation, options)
    if isinstance(example, PreferencePair):
        chosen, rejected = _answer(example.chosen), _answer(example.rejected)
        return {"prompt": prompt, "chosen": chosen, "rejected": rejected}
    answer = _answer(example.answer)
    if kind == "sft":
        return {"messages": [*prompt, *answer]}
    return {"prompt": prompt, "completion": answer, "label": example.good}


def lineage(example: Example) -> Row:
    """Where an example comes from."""
    return {
        "exchange_id": example.exchange_id,
        "event_ids": list(example.lineage),
        "margin": example.margin if isinstance(example, PreferencePair) else None,
    }


def _messages(conversation: Conversation, options: ExportOptions) -> list[Row]:
    """The turns as the upstream had them, with or without the operator's prompt."""
    if not options.operator_prompt:
        conversation = replace(conversation, operator_prompt="")
    return [_message(m.role, m.content) for m in conversation.as_given_to_a_model()]


def _answer(text: str) -> list[Row]:
    return [_message("assistant", text)]


def _message(role: str, content: str) -> Row:
    return {"role": role, "content": _SURROGATE.sub("\ufffd", content)}
