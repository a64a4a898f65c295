"""Misspelt keys: the nearest one that may stand there is named."""

import pytest

from gateway.misspellings import nearest_key
from gateway.policy_files import PolicyFile


@pytest.mark.parametrize(
    ("location", "said"),
    [
        (["falback"], "; did you mean 'fallback'?"),
        (["policies", 0, "on_fial"], "; did you mean 'on_fail'?"),
        (["policies", 3, "examples", 0, "conversation", 1, "rolle"], "; did you mean 'role'?"),
        (["fallback", "handoff", "secrit"], "; did you mean 'secret'?"),
        (["fallback", "zzz"], "; the keys here are resample, handoff, template"),
    ],
)
def test_the_nearest_key_is_one_that_may_stand_there(location: list[str | int], said: str):
    """Through lists, options and unions."""
    assert nearest_key(PolicyFile, location) == said
