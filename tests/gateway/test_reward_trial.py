"""The trial of a reward model before it serves: what is wrong with it is found and said."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from gateway.protocols import RewardFailure
from gateway.reward_trial import PAIRS, trial
from gateway.types import Conversation
from reward_filters.cross_encoder import CrossEncoder
from reward_filters.heuristics import Heuristics

GOOD = {pair.good for pair in PAIRS}


@dataclass
class Scripted:
    """Scores the answers of a call as it is told to, and counts the calls."""

    scores: Callable[[Sequence[str], int], Sequence[float]]
    revision: str = "scripted"
    calls: int = 0

    async def score(self, conversation: Conversation, answers: Sequence[str]) -> Sequence[float]:  # noqa: ARG002 - the protocol's
        self.calls += 1
        return self.scores(answers, self.calls)


@dataclass
class Turned:
    """Another model with the sign of its scores turned round."""

    model: CrossEncoder
    revision: str = field(default="turned")

    async def score(self, conversation: Conversation, answers: Sequence[str]) -> Sequence[float]:
        return [-score for score in await self.model.score(conversation, answers)]


def rightly(answers: Sequence[str]) -> list[float]:
    return [2.0 if answer in GOOD else -1.0 for answer in answers]


async def complaints(scores: Callable[[Sequence[str], int], Sequence[float]]) -> str:
    return "\n".join(await trial(Scripted(scores)))


async def test_the_shipped_default_passes_and_is_found_out_with_its_sign_turned():
    """All fixed pairs are so plain that it ranks them rightly."""
    async with CrossEncoder() as model:
        assert list(await trial(model)) == []
        [complaint] = await trial(Turned(model))
    assert f"ranks {len(PAIRS)} of {len(PAIRS)} plain pairs wrongly" in complaint
    assert "is the sign of its scores right?" in complaint


async def test_a_model_that_ranks_rightly_passes():
    """Whatever the size of its scores."""
    for factor in (1e-3, 1.0, 1e6):
        assert await complaints(lambda a, _, f=factor: [f * s for s in rightly(a)]) == ""


async def test_one_wrong_pair_is_named():
    """Rules of thumb can't tell what an answer says: they prefer a short insult to nothing."""
    complaint = "\n".join(await trial(Heuristics()))
    assert "of 6 plain pairs wrongly: asked 'I forgot my password" in complaint
    assert "so that bad answers win" not in complaint


async def test_a_model_that_tells_nothing_apart_ranks_wrongly():
    """A tie is no rank."""
    assert "ranks 6 of 6" in await complaints(lambda answers, _: [3.0] * len(answers))


async def test_scores_like_probabilities_are_told():
    """Only if all of them are."""
    told = await complaints(lambda answers, _: [0.5 + s / 5 for s in rightly(answers)])
    assert "look like probabilities (0 to 1): raw scores" in told
    assert await complaints(lambda answers, _: [0.5 + s for s in rightly(answers)]) == ""


async def test_a_saturated_sigmoid_looks_like_probabilities():
    """Beyond a logit of 17 it is exactly 1 in float32; marks of 0 and 1 are no sigmoid."""
    told = await complaints(lambda answers, _: [1.0 if s > 0 else 0.1 for s in rightly(answers)])
    assert "look like probabilities" in told
    assert await complaints(lambda a, _: [float(s > 0) for s in rightly(a)]) == ""


async def test_scores_that_change_from_call_to_call_are_told():
    """A little noise, as of another batch size on a GPU, is none."""
    told = await complaints(lambda answers, call: [s + call for s in rightly(answers)])
    assert "other scores when they are scored again" in told
    assert await complaints(lambda a, call: [s + call * 1e-3 for s in rightly(a)]) == ""


async def test_scores_that_depend_on_other_answers_are_told():
    """As those do that are normalised over the batch."""
    told = await complaints(lambda answers, _: [s - len(answers) for s in rightly(answers)])
    assert "depends on the other answers" in told


@pytest.mark.parametrize(
    ("scores", "told"),
    [
        ([1.0], "it gives 1 scores for 2 answers"),
        ([1.0, float("nan")], "not finite"),
        (RewardFailure("the server answered 503"), "it fails: the server answered 503"),
        (ValueError("secret"), "it raises ValueError"),
    ],
    ids=["count", "nan", "failure", "bug"],
)
async def test_a_model_that_fails_is_told_and_nothing_is_raised(
    scores: list[float] | Exception, told: str
):
    """It serves too, degraded; what an unknown exception says is not repeated."""

    def give(_: Sequence[str], call: int) -> Sequence[float]:
        if isinstance(scores, Exception):
            raise scores
        return scores

    complaint = await complaints(give)
    assert complaint.startswith("it fails: ")
    assert told in complaint
    assert "secret" not in complaint


class Silent(Scripted):
    """Never gives the scores that it was made with."""

    async def score(self, conversation: Conversation, answers: Sequence[str]) -> Sequence[float]:
        await asyncio.Event().wait()
        return await super().score(conversation, answers)


async def test_a_model_that_never_answers_is_told():
    """A start must not wait for ever."""
    found = await trial(Silent(lambda answers, _: rightly(answers)), timeout_s=0.01)
    assert found == ["it fails: no score within 0.01 s"]
