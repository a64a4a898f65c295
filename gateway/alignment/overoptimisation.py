"""How far n should go: where people stop liking what the reward model likes more and more.

The recommendation rests on HedgeTune's curve (`label_rates`); what was measured without a model
and Gao's law stand beside it. Where the votes are too few for an answer there is none: it is said
why, and how many more it would take.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Final, Literal

import numpy as np

from gateway.alignment.label_rates import LEAST_EFFECTIVE, Estimates, estimate
from gateway.alignment.rank_policies import best_of_n_weights, effective_votes, rank
from gateway.alignment.votes import CERTAIN, Vote, Voter, Votes

Finding = Literal["over-optimised", "more helps", "flat"]

_LEAST_ANSWERS: Final = 3  # two ranks say nothing of a bend
_LEAST_OF_A_SIZE = 50
_FURTHER = 2  # times the answers that were drawn: no n beyond is recommended
_FLAT = 0.02  # a change of the label rate for which nobody doubles n
_NOTHING = 1e-4  # or halves it
_MANY_LOST = 0.9


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The n to serve with.

    "over-optimised": the label rate falls with n at the n served by HedgeTune's curve, or half of
    that n is measured to do better, at 95 %; "more helps": it rises by HedgeTune's curve;
    "flat": doubling it would change the label rate by less than two points either way.
    """

    finding: Finding
    n: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing is recommended; about how much more it takes, None where more would not do."""

    reason: str
    missing_votes: int | None = None
    missing_exchanges: int | None = None


@dataclass(frozen=True, slots=True)
class HowFar:
    """The answer by one kind of voter; either a recommendation or a refusal.

    `served_n` and `most_n` are the usual and the largest number of answers to choose from,
    `passed` the share of draws that came so far. `not_the_best` counts votes on an answer that had
    not the highest reward, `effective` the votes of equal weight on answers shown at random.
    """

    votes: int
    voted_share: float = 0.0
    served_n: int = 0
    most_n: int = 0
    passed: float = 1.0
    not_the_best: int = 0
    effective: float = 0.0
    estimates: Estimates | None = None
    recommendation: Recommendation | None = None
    refusal: Refusal | None = None
    remarks: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class OveroptimisationReport:
    """An answer by each kind of voter; the voted exchanges that say nothing are `left_out`."""

    revision: str
    exchanges: int
    cap: int
    left_out: Mapping[str, int]
    by_voter: Mapping[Voter, HowFar]


def overoptimisation(votes: Votes, revision: str, cap: int) -> OveroptimisationReport:
    """How far n should go, at most to `cap`, for what that reward model scored."""
    by_voter: Mapping[Voter, HowFar] = {
        voter: how_far(own, votes.exchanges, cap) if own else _no_vote(votes)
        for voter, own in votes.by_voter.items()
    }
    return OveroptimisationReport(revision, votes.exchanges, cap, votes.left_out, by_voter)


def how_far(votes: Sequence[Vote], exchanges: int, cap: int) -> HowFar:
    """The answer by votes of one kind, at least one of them, out of so many exchanges."""
    facts = _facts(votes, exchanges)
    if (refusal := _too_little(facts)) is not None:
        return replace(facts, refusal=refusal)
    cap = max(cap, facts.served_n)
    estimates = estimate(votes, facts.served_n, facts.most_n, cap)
    recommendation = _recommendation(facts, estimates)
    return replace(
        facts,
        estimates=estimates,
        recommendation=recommendation,
        refusal=None if recommendation else _too_wide(facts, estimates),
        remarks=_remarks(facts, estimates, recommendation),
    )


def _facts(votes: Sequence[Vote], exchanges: int) -> HowFar:
    sizes = [len(v.rewards) for v in votes]
    usual = [m for m in set(sizes) if sum(s >= m for s in sizes) >= _LEAST_OF_A_SIZE]
    return HowFar(
        votes=len(votes),
        voted_share=len(votes) / max(exchanges, len(votes)),
        served_n=int(np.median(sizes)),
        most_n=max(usual, default=max(sizes)),
        passed=sum(sizes) / sum(v.drawn for v in votes),
        not_the_best=sum(rank(v) < len(v.rewards) for v in votes),
        effective=effective_votes(best_of_n_weights(votes, 1)),
    )


def _no_vote(votes: Votes) -> HowFar:
    certain = votes.left_out.get(CERTAIN, 0)
    if certain and certain == sum(votes.left_out.values()):
        reason = (
            f"the answer was chosen with certainty in all {certain} voted exchanges: without "
            "exploration, no vote tells how another answer would have done (selection with a "
            "temperature and exploration: 0.02 makes it known)"
        )
        return HowFar(votes=0, refusal=Refusal(reason))
    reason = "there is no vote on what this reward model chose with a known probability"
    return HowFar(votes=0, refusal=Refusal(reason, missing_votes=LEAST_EFFECTIVE))


def _too_little(facts: HowFar) -> Refusal | None:
    """Why nothing can be estimated, or None."""
    if facts.most_n < _LEAST_ANSWERS:
        return Refusal(
            f"there were at most {facts.most_n} answers to choose from; it takes "
            f"{_LEAST_ANSWERS} to see a bend: serve a part of the traffic with a larger n"
        )
    if facts.effective >= LEAST_EFFECTIVE:
        return None
    short = facts.votes * (LEAST_EFFECTIVE / facts.effective - 1)
    return Refusal(
        f"the {facts.votes} votes ({facts.not_the_best} of them on an answer that had not the "
        f"highest reward) weigh as much as {facts.effective:.0f} on answers shown at random; "
        f"{LEAST_EFFECTIVE} are needed",
        *_missing(short, facts.voted_share),
    )


def _recommendation(facts: HowFar, estimates: Estimates) -> Recommendation | None:
    slope, served = estimates.hedge_tune.slope, facts.served_n
    peak = min(round(estimates.hedge_tune.peak.value), _FURTHER * facts.most_n)
    if slope.high < -_NOTHING:
        return Recommendation("over-optimised", min(peak, served))
    if estimates.halving.low > _NOTHING:
        return Recommendation("over-optimised", min(peak, ceil(served / 2)))
    if slope.low > _NOTHING:
        return Recommendation("more helps", max(peak, served))
    if slope.low >= -_FLAT and slope.high <= _FLAT:
        return Recommendation("flat", served)
    return None


def _too_wide(facts: HowFar, estimates: Estimates) -> Refusal:
    peak, slope = estimates.hedge_tune.peak, estimates.hedge_tune.slope
    # The width shrinks with the square root of the votes, until nought lies outside or all of it
    # is flat, whichever comes first.
    half, off = (slope.high - slope.low) / 2, abs(slope.value)
    times = (half / max(off, _FLAT - off)) ** 2
    return Refusal(
        f"doubling n may change the label rate by anything from {slope.low:+.3f} to "
        f"{slope.high:+.3f}, and the best n be anything from {peak.low:.0f} to {peak.high:.0f}",
        *_missing(facts.votes * max(times - 1, 0.1), facts.voted_share),
    )


def _missing(votes: float, voted_share: float) -> tuple[int, int | None]:
    """So many more votes, and the exchanges that they take at the rate of so far."""
    rounded = _two_digits(votes)
    return rounded, _two_digits(rounded / voted_share) if voted_share else None


def _two_digits(number: float) -> int:
    """An estimate, rounded up so that it does not look exact."""
    step = 10 ** max(len(str(int(number))) - 2, 0)
    return max(ceil(number / step) * step, 1)


def _remarks(
    facts: HowFar, estimates: Estimates, recommendation: Recommendation | None
) -> Sequence[str]:
    hedge, gao = estimates.hedge_tune.peak, estimates.gao_peak
    remarks: list[str] = []
    if recommendation is not None and recommendation.n > facts.most_n:
        remarks.append(
            f"n above {facts.most_n} was not measured: it rests on the form of the curve, so "
            "serve a part of the traffic with it first"
        )
    if round(gao.low) > hedge.high or hedge.low > round(gao.high):
        remarks.append(
            f"Gao's law puts the best n elsewhere ({gao.low:.0f} to {gao.high:.0f}): look at the "
            "measured rates"
        )
    if facts.passed < _MANY_LOST:
        remarks.append(
            f"{1 - facts.passed:.0%} of the draws were lost to policies or failures: if that hangs "
            "on the question, requests with few answers left are harder ones, and rates at "
            "different n are of different questions"
        )
    return tuple(remarks)
