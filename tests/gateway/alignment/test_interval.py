"""Claims about bootstrap intervals."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gateway.alignment.interval import correlation, ratio, resampled


def test_the_first_row_of_the_resamples_is_what_was_measured() -> None:
    """All others are sums of as many groups, drawn with replacement."""
    totals = resampled(np.array([[1.0, 1.0], [3.0, 1.0]]))
    assert totals[0].tolist() == [4.0, 2.0]
    assert set(totals[1:, 0].tolist()) == {2.0, 4.0, 6.0}
    assert set(totals[1:, 1].tolist()) == {2.0}


def test_a_ratio_of_nothing_has_no_interval() -> None:
    """There is no figure, which is not a figure of zero."""
    assert ratio(np.zeros(5), np.zeros(5)) is None


def test_resamples_without_a_denominator_are_left_out() -> None:
    """A slice that most conversations have nothing of is measured on those that do."""
    found = ratio(np.array([1.0, 0.0, 1.0]), np.array([2.0, 0.0, 4.0]))
    assert found is not None
    assert found.value == 0.5
    assert (found.low, found.high) == (0.25, 0.25)


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=3, max_size=30))
def test_a_correlation_lies_between_minus_one_and_one(points: list[tuple[int, int]]) -> None:
    """And so does its interval."""
    x, y = np.array(points).T
    x, y = x - x.mean(), y - y.mean()
    sums = np.stack([x * y, x * x, y * y], axis=1)
    found = correlation(*resampled(sums).T)
    if found is not None:
        assert -1.001 <= found.low <= found.high <= 1.001
        assert -1.001 <= found.value <= 1.001
