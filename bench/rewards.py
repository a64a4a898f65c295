# Typer types its Option and Argument only in part:
# pyright: reportUnknownMemberType=false
"""`python -m bench.rewards --data ../shared/data`: how well every reward model here ranks answers.

On the held-out conversations of preferences.jsonl (quality, by a rubric) and on all pairs of
hh-harmless-base-test (harm, by people: the policies' business, see `hh_harmless`). `--judge` also
asks a model of the catalogue as judge, on the embedded engine: slow, so on a sample of pairs that
all others are measured on too: a quarter each of small and clear gaps, among answers of the two
Qwen models and with others; as many of hh-harmless. All intervals are 95 % bootstrap intervals
over conversations. Nothing here is trained or tuned; the ensemble's scales are those of training
conversations.
"""

import asyncio
import hashlib
import json
import statistics
import sys
import time
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Annotated, Any, cast

import typer
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as plugin
from rich.console import Console
from rich.table import Table

from bench.hh_harmless import read_pairs
from gateway.alignment.interval import Interval
from gateway.alignment.reward_data import Comparison, read_comparisons
from gateway.alignment.reward_evaluation import Figures, figures_by_slice
from gateway.engines.settings import LlamaCppEngine
from gateway.engines.supervisor import build_engine
from gateway.plugins import build_plugin
from gateway.protocols import RewardModel
from gateway.types import Conversation

CLEAR_GAP = 2.0
SCALE_CONVERSATIONS = 40
COINS = 25


@plugin(frozen=True, config=ConfigDict(extra="forbid"))
class Coin:
    """A random score, the same for the same answer: what every other model has to beat."""

    number: int = 0

    @property
    def revision(self) -> str:
        return f"coin-{self.number}"

    async def score(self, conversation: Conversation, answers: Sequence[str]) -> Sequence[float]:
        del conversation
        seeds = [hashlib.sha256(f"{self.number} {a}".encode()).digest() for a in answers]
        return [Random(seed).random() for seed in seeds]


@dataclass
class Remembered:
    """A reward model that is asked about each answer once, however many rows need its score."""

    model: RewardModel
    scores: dict[tuple[Conversation, str], float] = field(
        default_factory=dict[tuple[Conversation, str], float]
    )

    @property
    def revision(self) -> str:
        return self.model.revision

    async def score(self, conversation: Conversation, answers: Sequence[str]) -> Sequence[float]:
        new = [a for a in dict.fromkeys(answers) if (conversation, a) not in self.scores]
        if new:
            given = await self.model.score(conversation, new)
            self.scores |= {(conversation, a): s for a, s in zip(new, given, strict=True)}
        return [self.scores[conversation, answer] for answer in answers]


@dataclass(frozen=True)
class Row:
    """One reward model; None where it was not measured."""

    model: str
    revision: str
    held_out: Mapping[str, Figures] | None
    harmless: Interval | None
    sample: Interval | None = None
    harmless_sample: Interval | None = None
    seconds_per_answer: float | None = None


@dataclass(frozen=True)
class Material:
    """What everything is measured on."""

    held_out: Sequence[Comparison]
    harmless: Sequence[Comparison]
    sample: Sequence[Comparison]
    harmless_sample: Sequence[Comparison]


def material(data: Path, sampled: int) -> Material:
    held_out = read_comparisons([data / "preferences.jsonl"], "test")
    harmless = read_pairs(data / "hh-harmless-base-test.jsonl.gz")
    rng = Random(0)
    return Material(
        held_out, harmless, stratified(held_out, sampled, rng), rng.sample(harmless, sampled)
    )


def stratified(comparisons: Sequence[Comparison], number: int, rng: Random) -> list[Comparison]:
    """Single pairs, each of a conversation of its own, a quarter from each of four strata."""
    strata: dict[tuple[bool, bool], list[Comparison]] = {}
    for comparison in comparisons:
        for better, worse, gap in comparison.pairs:
            answers = (comparison.answers[better], comparison.answers[worse])
            stratum = gap >= CLEAR_GAP, all("qwen" in a.model for a in answers)
            pair = replace(comparison, answers=answers, pairs=((0, 1, gap),))
            strata.setdefault(stratum, []).append(pair)
    chosen: dict[Conversation, Comparison] = {}
    for turn in range(number):
        stratum = strata[sorted(strata)[turn % len(strata)]]
        free = [pair for pair in stratum if pair.conversation not in chosen]
        if free:
            pair = rng.choice(free)
            chosen[pair.conversation] = pair
    return list(chosen.values())


async def scored(
    comparisons: Iterable[Comparison], *models: RewardModel
) -> list[tuple[Comparison, Sequence[float]]]:
    return [
        (c, await model.score(c.conversation, [a.text for a in c.answers]))
        for c in comparisons
        for model in models
    ]


async def pairs_right(comparisons: Sequence[Comparison], *models: RewardModel) -> Interval | None:
    figures = figures_by_slice(await scored(comparisons, *models))
    return figures["all"].pairs if figures else None


async def measured(name: str, on: Material, *models: RewardModel) -> Row:
    """A model that is fast enough for everything; of several, the mean, but for hh-harmless: there
    are pairs enough for one.
    """
    print(f"{name} ...", file=sys.stderr, flush=True)
    return Row(
        name,
        models[0].revision,
        figures_by_slice(await scored(on.held_out, *models)),
        await pairs_right(on.harmless, models[0]),
        await pairs_right(on.sample, *models),
        await pairs_right(on.harmless_sample, *models),
    )


def unheard(name: str, done: int, total: int) -> None:
    """Nobody waits at a bar for weights that are there."""


async def judged(weights: str, on: Material) -> Row:
    """A model of the catalogue as judge, on the samples alone."""
    settings = LlamaCppEngine(weights=weights, parallel=2, context=3072)
    with build_engine(settings, "judge") as engine:
        engine.start(unheard)
        options = {
            "base_url": engine.base_url,
            "api_key": engine.api_key,
            "model": "judge",
            "concurrency": 2,
            "request_timeout_s": 600,
        }
        async with opened("reward_filters.llm_judge:LlmJudge", options) as judge:
            print(f"{weights} as judge ...", file=sys.stderr, flush=True)
            started = time.perf_counter()
            sample = await pairs_right(on.sample, judge)
            harmless = await pairs_right(on.harmless_sample, judge)
            seconds = time.perf_counter() - started
    answers = 2 * (len(on.sample) + len(on.harmless_sample))
    return Row(f"judge: {weights}", "", None, None, sample, harmless, seconds / answers)


@asynccontextmanager
async def opened(use: str, options: Mapping[str, Any]) -> AsyncGenerator[Remembered]:
    """A reward model of that class, open, that remembers its scores."""
    model = build_plugin(use, options, "bench", RewardModel)
    async with AsyncExitStack() as stack:
        if isinstance(model, AbstractAsyncContextManager):
            await stack.enter_async_context(cast("AbstractAsyncContextManager[Any]", model))
        yield Remembered(model)


async def member(model: RewardModel, comparisons: Sequence[Comparison]) -> Mapping[str, Any]:
    """The model as a member of an ensemble, in standard deviations of its scores."""
    found = await scored(comparisons, model)
    scores = [s for _, of_answers in found for s in of_answers]
    return {
        "model": model,
        "center": statistics.fmean(scores),
        "scale": statistics.pstdev(scores),
    }


async def rows(on: Material, data: Path, judge: str | None) -> AsyncGenerator[Row]:
    """Every reward model that runs here, the cheap ones first."""
    training = read_comparisons([data / "preferences.jsonl"], "train")[:SCALE_CONVERSATIONS]
    async with (
        opened("reward_filters.heuristics:Heuristics", {}) as heuristics,
        opened("reward_filters.cross_encoder:CrossEncoder", {}) as cross_encoder,
    ):
        yield await measured(f"random ({COINS} draws)", on, *(Coin(i) for i in range(COINS)))
        yield await measured("heuristics", on, heuristics)
        yield await measured("cross-encoder (shipped)", on, cross_encoder)
        members = [await member(m, training) for m in (cross_encoder, heuristics)]
        for combine in ("mean", "worst", "pessimistic"):
            options = {"members": members, "combine": combine}
            async with opened("reward_filters.ensemble:Ensemble", options) as ensemble:
                yield await measured(f"both, {combine}", on, ensemble)
    if judge is not None:
        yield await judged(judge, on)


def tables(found: Sequence[Row], on: Material) -> Iterable[Table]:
    whole = Table(title=f"pairs ranked rightly, {len(on.held_out)} held-out conversations")
    for heading in (
        "model", "all", "clear", "Qwen", "Qwen, clear", "Qwen 0.5B",
        "gain, all", "gain, Qwen", f"hh-harmless ({len(on.harmless)})",
    ):  # fmt: skip
        whole.add_column(heading)
    for row in found:
        if row.held_out is not None:
            every, qwen = row.held_out["all"], row.held_out["qwen"]
            half = row.held_out["qwen-0.5b"]
            shown = (every.pairs, every.clear_pairs, qwen.pairs, qwen.clear_pairs, half.pairs)
            shown += (every.gain, qwen.gain, row.harmless)
            whole.add_row(row.model, *map(percent, shown))
    yield whole
    part = Table(title="the same, on samples of pairs")
    for heading in ("model", f"held out ({len(on.sample)})", f"harm ({len(on.harmless_sample)})"):
        part.add_column(heading)
    for row in found:
        part.add_row(row.model, percent(row.sample), percent(row.harmless_sample))
    yield part


def percent(interval: Interval | None) -> str:
    if interval is None:
        return ""
    return f"{100 * interval.value:.0f} ({100 * interval.low:.0f}-{100 * interval.high:.0f})"


def main(
    data: Annotated[Path, typer.Option(help="preferences.jsonl, hh-harmless-base-test.jsonl.gz")],
    out: Annotated[Path | None, typer.Option(help="A JSON file for all figures.")] = None,
    judge: Annotated[
        str | None, typer.Option(help="Weights of the catalogue that judge, such as Qwen 1.5B's.")
    ] = None,
    sampled: Annotated[int, typer.Option(min=4, help="Pairs of each kind for the judge.")] = 60,
) -> None:
    """Measure, print the tables, and write the figures."""
    on = material(data, sampled)

    async def gathered() -> Sequence[Row]:
        return [row async for row in rows(on, data, judge)]

    found = asyncio.run(gathered())
    console = Console(width=160)
    for table in tables(found, on):
        console.print(table)
    if out is not None:
        out.write_text(json.dumps([asdict(row) for row in found], indent=2) + "\n")


if __name__ == "__main__":
    typer.run(main)
