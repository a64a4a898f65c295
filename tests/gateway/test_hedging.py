"""Hedging: who has been silent for too long, and who gets a spare."""

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from gateway.hedging import Hedging


def used_to(ms: float, *, share: float, times: float = 4.0, least_ms: float = 1000.0) -> Hedging:
    hedging = Hedging(share=share, times=times, least_ms=least_ms)
    for _ in range(64):
        hedging.before_first.heard(10 * ms)
        hedging.between.heard(ms)
    return hedging


def test_nobody_is_a_straggler_before_it_is_known_what_is_usual():
    """The first requests after a start are slow, all of them."""
    hedging = Hedging(share=1.0)
    hedging.drawn()
    assert hedging.patience_ms(begun=True) == inf


def test_patience_is_a_multiple_of_what_is_usual():
    """Before the first token one waits longer than between two."""
    hedging = used_to(100.0, share=1.0, times=4.0, least_ms=50.0)
    hedging.drawn()
    assert hedging.patience_ms(begun=True) == 400
    assert hedging.patience_ms(begun=False) == 4000


def test_a_fast_server_is_given_some_time_all_the_same():
    """A hiccup of some milliseconds is not worth a second answer."""
    hedging = used_to(0.5, share=1.0, times=4.0, least_ms=800.0)
    hedging.drawn()
    assert hedging.patience_ms(begun=True) == 800


def test_no_option_makes_every_draw_a_straggler():
    """A floor of 50 ms: without it `least_ms: 0` at `share: 1` doubled every draw."""
    hedging = used_to(0.0, share=1.0, times=1.0, least_ms=0.0)
    hedging.drawn()
    assert hedging.patience_ms(begun=True) == hedging.patience_ms(begun=False) == 50


@given(st.lists(st.booleans(), max_size=400), st.sampled_from([0.0, 0.02, 0.3]))
def test_spares_are_rationed(asked: list[bool], share: float):
    """Never more than the share of the draws, whatever happens when."""
    hedging = used_to(1.0, share=share)
    draws = spares = 0
    for straggler in asked:
        hedging.drawn()
        draws += 1
        if straggler and hedging.patience_ms(begun=True) < inf:
            hedging.spent()
            spares += 1
    assert spares <= share * draws + 1e-9
