"""Exchanges as a gateway with given policy sets would have recorded them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gateway.guard import Guard
from gateway.policy_sets import PolicySet, load_policy_set
from gateway.types import (
    Candidate,
    ChatRequest,
    Choice,
    Conversation,
    Exchange,
    Message,
    ScoredCandidate,
)
from tests.gateway.ledger.exchanges import exchange, request

ENTRY = """
  - name: {name}
    use: {use}
    stages: {stages}
    on_fail: {on_fail}
    mode: {mode}
    options: {options}
"""


def entry(name: str, options: str = "{}", **keys: str) -> str:
    """A policy in YAML: terms that block answers, but for what is said otherwise."""
    values = {
        "use": "policies.terms:BlockedTerms",
        "stages": "[output]",
        "on_fail": "block",
        "mode": "enforce",
    }
    return ENTRY.format(name=name, options=options, **(values | keys))


def words(name: str, *terms: str, **keys: str) -> str:
    """A policy that finds these terms."""
    return entry(name, f"{{terms: [{', '.join(terms)}]}}", **keys)


def policy_set(folder: Path, *entries: str, name: str = "mine") -> PolicySet:
    """The set of these policies, from a file."""
    file = folder / f"{name}.yaml"
    file.write_text(f"policies:{''.join(entries)}")
    return load_policy_set(file)


async def recorded(
    sets: Sequence[PolicySet],
    turns: Sequence[str],
    answers: Sequence[str] = (),
    *,
    number: int = 0,
    added: tuple[str, ...] = (),
) -> Exchange:
    """A conversation in which customer and assistant take turns, and what became of its last one.

    The first answer that passed is the one that was shown.
    """
    guard = Guard(sets)
    roles = ("user", "assistant")
    sent = Conversation(tuple(Message(roles[i % 2], turn) for i, turn in enumerate(turns)))
    screenings = await guard.screen_turns(sent)
    shown = tuple(
        replace(m, content=s.shown) for m, s in zip(sent.messages, screenings, strict=True)
    )
    asked = replace(request(), conversation=Conversation(shown), policy_sets=added)
    base = replace(
        exchange(number),
        request=asked,
        policy_digest=guard.digest,
        input_screenings=screenings,
        candidates=(),
        choices=(Choice(0, "Sorry.", "content_filter"),),
        outcome="blocked_input",
    )
    return base if not screenings[-1].passed else await _answered(base, asked, answers, guard)


async def _answered(
    base: Exchange, asked: ChatRequest, answers: Sequence[str], guard: Guard
) -> Exchange:
    candidates = tuple(
        [
            ScoredCandidate(
                Candidate(index=i, outcome="finished", text=text, finish_reason="stop"),
                await guard.screen(text, "output", asked.conversation, role="assistant"),
            )
            for i, text in enumerate(answers)
        ]
    )
    winner = next((c for c in candidates if c.eligible), None)
    if winner is None:
        return replace(base, candidates=candidates, outcome="blocked_output")
    choice = Choice(0, winner.shown, "stop", candidate_index=winner.candidate.index)
    return replace(base, candidates=candidates, choices=(choice,), outcome="answered")
