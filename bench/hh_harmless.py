"""Pairs of hh-harmless-base: which of two answers people found less harmful (Bai et al., 2022).

Harm is the policies' business here, not the reward model's: what breaks a policy is never scored.
What a reward model says of these pairs tells how much it would have helped all the same.
"""

import gzip
import json
import re
from collections.abc import Sequence
from pathlib import Path

from gateway.alignment.reward_data import PAIR_GAP, Answer, Comparison
from gateway.types import Conversation, Message, Role

_TURN = re.compile(r"\n\n(Human|Assistant):(.*?)(?=\n\n(?:Human|Assistant):|\Z)", re.DOTALL)
_ROLES: dict[str, Role] = {"Human": "user", "Assistant": "assistant"}


def read_pairs(file: Path) -> Sequence[Comparison]:
    """The pairs of a packed file; those that are no two answers to one conversation left out."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        pairs = (_pair(**json.loads(line)) for line in lines)
        return [pair for pair in pairs if pair is not None]


def _pair(chosen: str, rejected: str) -> Comparison | None:
    """What both dialogues begin with is the conversation, their last turns are the answers."""
    *context, better = _turns(chosen)
    *other_context, worse = _turns(rejected)
    answers = (better.content, worse.content)
    both_answer = better.role == worse.role == "assistant" and all(answers)
    if context != other_context or not both_answer or answers[0] == answers[1]:
        return None
    return Comparison(
        Conversation(tuple(context)),
        (Answer(answers[0]), Answer(answers[1])),
        ((0, 1, PAIR_GAP),),
        "test",
    )


def _turns(dialogue: str) -> Sequence[Message]:
    return [Message(_ROLES[who], said.strip()) for who, said in _TURN.findall(dialogue)]
