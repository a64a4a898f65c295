"""What is recommended, and when nothing is."""

from dataclasses import replace

import pytest

from gateway.alignment.overoptimisation import HowFar, how_far, overoptimisation
from gateway.alignment.votes import CERTAIN, Vote, Votes
from tests.gateway.alignment.simulated_votes import falling, peak_at, rising, votes


def refused(found: HowFar) -> str:
    assert found.recommendation is None
    assert found.refusal is not None
    return found.refusal.reason


def test_a_reward_that_is_over_optimised_is_told_so():
    """With the smaller n at which it was not."""
    found = how_far(votes(6_000, peak_at(3), sizes=(8,), exploration=0.5), 100_000, cap=8)
    assert found.recommendation is not None
    assert found.recommendation.finding == "over-optimised"
    assert 2 <= found.recommendation.n <= 5
    assert found.refusal is None


def test_half_of_n_that_does_better_is_enough():
    """Measured without a model, it takes fewer votes than a slope."""
    found = how_far(votes(400, falling), 400, cap=8)
    assert found.estimates is not None
    assert found.estimates.halving.low > 0
    assert found.recommendation is not None
    assert (found.recommendation.finding, found.recommendation.n) == ("over-optimised", 1)


@pytest.mark.parametrize("seed", range(4))
def test_a_reward_that_people_agree_with_is_never_called_over_optimised(seed: int):
    """Nor is a larger n recommended than twice of what was drawn."""
    found = how_far(votes(2_500, rising, exploration=0.7, seed=seed), 50_000, cap=64)
    assert found.recommendation is not None
    assert found.recommendation.finding == "more helps"
    assert 4 < found.recommendation.n <= 8
    assert "was not measured" in found.remarks[0]


def test_more_helps_up_to_the_cap():
    """And not beyond it."""
    found = how_far(votes(1_500, rising, sizes=(8,)), 1_500, cap=10)
    assert found.recommendation is not None
    assert (found.recommendation.finding, found.recommendation.n) == ("more helps", 10)


def test_an_n_at_the_peak_is_left_alone():
    """Where it is known well enough that the curve is flat there."""
    found = how_far(votes(12_000, peak_at(6), sizes=(6,)), 12_000, cap=12)
    assert found.recommendation is not None
    assert (found.recommendation.finding, found.recommendation.n) == ("flat", 6)


def test_fifty_votes_are_refused_with_what_is_missing():
    """In votes, and in exchanges at the rate of voting so far."""
    found = how_far(votes(50, rising, exploration=0.1), 2_500, cap=8)
    assert "50 votes" in refused(found)
    assert "200 are needed" in refused(found)
    assert found.estimates is None
    assert found.refusal is not None
    assert found.refusal.missing_votes is not None
    short = 50 * (200 / found.effective - 1)
    assert short <= found.refusal.missing_votes <= 1.1 * short + 1
    assert found.refusal.missing_exchanges == 50 * found.refusal.missing_votes


def test_votes_that_explored_too_little_are_refused():
    """However many they are: they weigh as much as few."""
    found = how_far(votes(2_000, rising, exploration=0.002), 2_000, cap=8)
    assert found.effective < 200 < found.not_the_best
    assert "200 are needed" in refused(found)


def test_an_answer_that_may_be_anything_is_refused():
    """With the estimates, so that one sees how wide they are."""
    found = how_far(votes(220, lambda _: 0.5), 11_000, cap=64)
    assert "the best n be anything from 1 to 64" in refused(found)
    assert found.estimates is not None
    assert found.refusal is not None
    assert (found.refusal.missing_votes or 0) > 500


def test_two_answers_show_no_bend():
    """More votes would not help, so none are asked for."""
    found = how_far(votes(1_000, falling, sizes=(2,)), 1_000, cap=8)
    assert "at most 2 answers" in refused(found)
    assert found.refusal is not None
    assert found.refusal.missing_votes is None


def test_votes_that_all_agree_show_no_slope():
    """Nothing is over-optimised where everything is liked."""
    found = how_far(votes(400, lambda _: 1.0), 400, cap=8)
    assert found.recommendation is None or found.recommendation.finding == "flat"


def test_draws_that_were_lost_are_remarked_on():
    """Which answers passed may hang on the question."""
    lost = [replace(v, drawn=8) for v in votes(500, rising)]
    found = how_far(lost, 500, cap=8)
    assert found.passed == 0.5
    assert any("50% of the draws were lost" in remark for remark in found.remarks)


def report(left_out: dict[str, int], customers: list[Vote]) -> dict[str, HowFar]:
    given = Votes({"customer": customers, "reviewer": []}, left_out, exchanges=1_000)
    found = overoptimisation(given, "reward-1", cap=8)
    assert found.left_out == left_out
    return {str(voter): own for voter, own in found.by_voter.items()}


def test_choices_without_exploration_are_refused_for_that():
    """No number of such votes would do."""
    found = report({CERTAIN: 500}, [])
    assert "without exploration" in refused(found["customer"])
    assert found["customer"].refusal is not None
    assert found["customer"].refusal.missing_votes is None


def test_voters_are_told_apart():
    """Customers' votes say nothing for reviewers."""
    found = report({}, votes(300, rising))
    assert found["customer"].votes == 300
    assert found["reviewer"].votes == 0
    assert "no vote" in refused(found["reviewer"])
