"""Renders an exchange as OpenAI's chat completion, whole or as server-sent events."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from gateway.types import Choice, Exchange, ScoredCandidate, Screening

Json = dict[str, Any]

PIECE_CHARACTERS = 24
"""A chosen answer is complete when it is sent; pieces of this size let a page show it growing."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """How this client wants to be told, and what the answer carries beside the exchange."""

    feedback_token: str | None
    strict_openai: bool = False
    explain: bool = False
    include_usage: bool = False


def completion_body(exchange: Exchange, rendering: Rendering) -> Json:
    """A `chat.completion`. Its id is `chatcmpl-` and the exchange's id."""
    body: Json = {
        **_head(exchange, "chat.completion"),
        "choices": [
            {
                "index": choice.index,
                "message": {"role": "assistant", "content": choice.text, "refusal": None},
                "logprobs": None,
                "finish_reason": choice.finish_reason,
            }
            for choice in exchange.choices
        ],
        "usage": usage(exchange),
    }
    if not rendering.strict_openai:
        body["winnow"] = winnow_object(exchange, rendering)
    return body


def completion_events(exchange: Exchange, rendering: Rendering) -> Iterator[bytes]:
    """The same as SSE: per choice role, content, finish; then usage where asked; then [DONE]."""
    last = len(exchange.choices) - 1
    for choice in exchange.choices:
        yield _event(exchange, rendering, choice, {"role": "assistant", "content": ""})
        for start in range(0, len(choice.text), PIECE_CHARACTERS):
            piece = choice.text[start : start + PIECE_CHARACTERS]
            yield _event(exchange, rendering, choice, {"content": piece})
        extension = {}
        if choice.index == last and not rendering.strict_openai:
            extension = {"winnow": winnow_object(exchange, rendering)}
        yield _event(exchange, rendering, choice, {}, extension)
    if rendering.include_usage:
        chunk: Json = {
            **_head(exchange, "chat.completion.chunk"),
            "choices": [],
            "usage": usage(exchange),
        }
        yield _sse(chunk)
    yield b"data: [DONE]\n\n"


def usage(exchange: Exchange) -> Json:
    """OpenAI's fields tell of the choices returned; `winnow` of all that was sampled for them."""
    by_index = {c.candidate.index: c.candidate for c in exchange.candidates}
    shown = [by_index[c.candidate_index] for c in exchange.choices if c.candidate_index is not None]
    prompt = max((c.prompt_tokens or 0 for c in by_index.values()), default=0)
    completion = sum(c.completion_tokens or 0 for c in shown)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def winnow_object(exchange: Exchange, rendering: Rendering) -> Json:
    """The `winnow` extension of a response."""
    candidates = exchange.candidates
    first = exchange.choices[0]
    selection = first.selection
    shown = next((c for c in candidates if c.candidate.index == first.candidate_index), None)
    body: Json = {
        "exchange_id": exchange.id,
        "feedback_token": rendering.feedback_token,
        "candidates": {
            "sampled": len(candidates),
            "passed": sum(c.eligible for c in candidates),
            "completion_tokens": sum(c.candidate.completion_tokens or 0 for c in candidates),
            "stopped_by": exchange.stopped_by,
        },
        "reward": shown.reward if shown else None,
        "reward_degraded": exchange.reward_degraded,
        "reward_failure": exchange.reward_failure,
        "selection": selection
        and {
            "strategy": selection.strategy,
            "probability": selection.probability,
            "stage": selection.stage,
        },
        "blocked": list(exchange.blocked_categories),
        "handed_over": exchange.handed_over,
        "ignored": list(exchange.request.ignored),
        "timings_ms": {k: round(v, 3) for k, v in exchange.timings_ms.items()},
    }
    if rendering.explain:
        probabilities: Mapping[int, float] = selection.probabilities if selection else {}
        body["explain"] = {
            "input": [_screening(s) for s in exchange.input_screenings],
            "candidates": [_candidate(c, probabilities) for c in candidates],
        }
    return body


def overhead_ms(exchange: Exchange) -> float:
    """Our own time: the whole, less the waits for model, reward model, handoff and commit.

    Pruning is nearly all the reward model's time, and counts as a wait for it.
    """
    timings = exchange.timings_ms
    stages = ("sampling", "reward", "pruning", "handoff", "commit")
    waits = sum(timings.get(stage, 0.0) for stage in stages)
    return max(timings.get("total", 0.0) - waits, 0.0)


def _head(exchange: Exchange, kind: str) -> Json:
    return {
        "id": f"chatcmpl-{exchange.id}",
        "object": kind,
        "created": int(exchange.created_at.timestamp()),
        "model": exchange.request.model,
    }


def _event(
    exchange: Exchange,
    rendering: Rendering,
    choice: Choice,
    delta: Json,
    extension: Json | None = None,
) -> bytes:
    """One chunk. An empty delta is the choice's last, and carries its finish reason."""
    chunk: Json = {
        **_head(exchange, "chat.completion.chunk"),
        "choices": [
            {
                "index": choice.index,
                "delta": delta,
                "logprobs": None,
                "finish_reason": None if delta else choice.finish_reason,
            }
        ],
        **(extension or {}),
    }
    if rendering.include_usage:
        chunk["usage"] = None
    return _sse(chunk)


def _sse(chunk: Json) -> bytes:
    return b"data: " + to_json(chunk) + b"\n\n"


def _candidate(scored: ScoredCandidate, probabilities: Mapping[int, float]) -> Json:
    candidate = scored.candidate
    return {
        "index": candidate.index,
        "outcome": candidate.outcome,
        "text": candidate.text,
        "shown": scored.shown,
        "finish_reason": candidate.finish_reason,
        "completion_tokens": candidate.completion_tokens,
        "reward": scored.reward,
        "p_ok": scored.p_ok,
        "prefix_reward": scored.prefix_reward,
        "hedges": candidate.hedges,
        "probability": probabilities.get(candidate.index),
        "started_ms": round(candidate.started_ms, 3),
        "finished_ms": round(candidate.finished_ms, 3),
        "error": candidate.error,
        **(_screening(scored.screening) if scored.screening else {"verdicts": []}),
    }


def _screening(screening: Screening) -> Json:
    return {
        "blocked_by": screening.blocked_by and screening.blocked_by.policy,
        "verdicts": [
            {
                "policy": v.policy,
                "action": v.action,
                "enforced": v.enforced,
                "category": v.category,
                "detail": v.detail,
                "spans": [[f.start, f.end] for f in v.findings],
                "duration_ms": round(v.duration_ms, 3),
            }
            for v in screening.verdicts
        ],
    }
