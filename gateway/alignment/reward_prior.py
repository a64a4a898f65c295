"""`winnow reward fit-prior`: what the ledger says of rewards before anything is drawn.

Rewards: the random-effects model reward_ij = m_i + e_ij of `reward_filters.pandora`, by maximum
likelihood with any number of rewards per exchange (the mean and `within` follow from the ratio
between² / within² in closed form; the ratio is searched). Survival: the beta-binomial model, by
maximum likelihood as well.

A stop rule that looks at rewards decides how many there are. Maximum likelihood stays valid under
it: whether another draw was made depends only on what the likelihood is given (Rubin,
"Inference and missing data", Biometrika 1976); averages per exchange would not. What no model of
rewards alone mends: draws that were cut off count for nothing, so that short answers weigh more
than they would if all draws were waited for; and of draws that were pruned by their beginnings
only the better ones have a reward.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from gateway.alignment.reward_records import RewardRecord
from gateway.errors import ConfigurationError
from reward_filters.pandora import Prior

# With so many exchanges the standard error of `within` is about 5 % and that of `between` 10 %.
LEAST_EXCHANGES = 100
LEAST_PAIRED = 50


@dataclass(frozen=True, slots=True)
class Group:
    """What one exchange shows: the rewards, and how many draws survived or did not."""

    rewards: tuple[float, ...]
    survived: int
    lost: int


def groups(records: Iterable[RewardRecord]) -> tuple[Group, ...]:
    """One group per exchange. Draws that were cut off are in none of the counts, nor is a draw
    that failed after a spare was started for it.
    """
    return tuple(_group(record) for record in records)


def fit_prior(groups: Sequence[Group], revision: str, source: str) -> Prior:
    """The prior that makes the groups most likely. All rewards are of that one revision.

    Raises:
        ConfigurationError: there is too little to fit on, saying how much is missing.
    """
    scored = [g.rewards for g in groups if g.rewards]
    _refuse_too_few(scored)
    mean, between, within = _normal_fit(scored)
    survived, lost = _beta_fit(groups)
    return Prior(
        revision=revision,
        mean=mean,
        between=between,
        within=within,
        survived=survived,
        lost=lost,
        exchanges=len(scored),
        rewards=sum(len(rewards) for rewards in scored),
        source=source,
    )


def write_prior(prior: Prior, path: Path) -> None:
    """As JSON, which `reward_filters.pandora.read_prior` reads.

    Raises:
        ConfigurationError: it cannot be written there.
    """
    try:
        path.write_bytes(TypeAdapter(Prior).dump_json(prior, indent=2) + b"\n")
    except OSError as error:
        raise ConfigurationError(f"cannot write {str(path)!r}: {error.strerror}") from None


def _group(record: RewardRecord) -> Group:
    replaced = {draw.hedges for draw in record.draws}
    ended = [d for d in record.draws if d.outcome != "censored" and d.index not in replaced]
    return Group(
        rewards=tuple(d.reward for d in record.draws if d.reward is not None),
        survived=sum(d.passed is True for d in ended),
        lost=sum(d.passed is not True for d in ended),
    )


def _refuse_too_few(scored: Sequence[Sequence[float]]) -> None:
    paired = sum(len(rewards) > 1 for rewards in scored)
    missing = LEAST_EXCHANGES - len(scored), LEAST_PAIRED - paired
    if max(missing) > 0:
        raise ConfigurationError(
            f"too little to fit a prior on: {len(scored)} exchanges with a reward of the served"
            f" reward model, of which {paired} have two and more; {max(missing[0], 0)} exchanges"
            f" are missing, and {max(missing[1], 0)} with two rewards and more"
        )
    if not any(len(set(rewards)) > 1 for rewards in scored):
        raise ConfigurationError("all rewards of an exchange are equal: there is nothing to choose")


def _normal_fit(scored: Sequence[Sequence[float]]) -> tuple[float, float, float]:
    """Mean, and the standard deviations between exchanges and within them."""
    counts = np.array([len(rewards) for rewards in scored], dtype=np.float64)
    averages = np.array([np.mean(rewards) for rewards in scored])
    squares = sum(float(np.var(rewards)) * len(rewards) for rewards in scored)

    def fitted(ratio: float) -> tuple[float, float, float]:
        """Log-likelihood (but for a constant), mean and within² at between² = ratio · within²."""
        weights = counts / (1 + ratio * counts)
        mean = float(weights @ averages / weights.sum())
        within2 = (squares + float(weights @ (averages - mean) ** 2)) / counts.sum()
        penalty = float(np.log1p(ratio * counts).sum())
        return -(counts.sum() * np.log(within2) + penalty) / 2, mean, within2

    ratio = max([0.0, *np.geomspace(1e-3, 1e3, 1000)], key=lambda r: fitted(r)[0])
    _, mean, within2 = fitted(ratio)
    return mean, float(np.sqrt(ratio * within2)), float(np.sqrt(within2))


def _beta_fit(groups: Sequence[Group]) -> tuple[float, float]:
    """The parameters of the Beta distribution of the share of draws that survive.

    ln B(a + s, b + l) - ln B(a, b) is a sum of ln(a + i) for i < s, ln(b + i) for i < l and
    -ln(a + b + i) for i < s + l: so it takes only how many groups have more than i of each.
    """
    survived = np.array([g.survived for g in groups])
    lost = np.array([g.lost for g in groups])
    # Half a draw of each kind more: a ledger where nothing was ever lost does not prove that
    # nothing can be.
    rate = (survived.sum() + 0.5) / (survived.sum() + lost.sum() + 1)
    steps = np.arange(int((survived + lost).max(initial=1)))
    more_survived = (survived[:, None] > steps).sum(0)
    more_lost = (lost[:, None] > steps).sum(0)
    more_draws = ((survived + lost)[:, None] > steps).sum(0)

    def likelihood(strength: float) -> float:
        a, b = rate * strength, (1 - rate) * strength
        return float(
            more_survived @ np.log(a + steps)
            + more_lost @ np.log(b + steps)
            - more_draws @ np.log(strength + steps)
        )

    strength = max(np.geomspace(0.5, 200, 200), key=likelihood)
    return float(rate * strength), float((1 - rate) * strength)
