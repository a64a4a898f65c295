"""The words for actions: those of a claim and those of a record fit each other."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.action_words import OTHER_ACTIONS, SURE_ACTIONS, Action
from policies.actions import ActionClaim, ActionRecords, claimed_actions

ACTIONS = (*SURE_ACTIONS, *OTHER_ACTIONS)


def test_every_action_has_one_name():
    """It is what a claim and a record are compared by."""
    names = [action.name for action in ACTIONS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
@settings(max_examples=30)
@given(data=st.data())
def test_a_record_in_the_words_of_a_claim_grounds_it(action: Action, data: st.DataObject):
    """Or tools could not speak like customers."""
    form = data.draw(st.from_regex(f"(?:{action.forms})", fullmatch=True))
    claim = ActionClaim(0, len(form), frozenset({action.name}))
    assert claim in ActionRecords([f"status: {form}"])
    assert claim not in ActionRecords(["status: open"])


@pytest.mark.parametrize("action", SURE_ACTIONS, ids=lambda action: action.name)
@settings(max_examples=30)
@given(data=st.data())
def test_every_word_for_a_sure_action_makes_a_claim(action: Action, data: st.DataObject):
    """Whatever it was done to."""
    form = data.draw(st.from_regex(f"(?:{action.forms})", fullmatch=True).filter(str.isascii))
    claims = claimed_actions(f"I have {form} something.")
    assert [action.name in claim.actions for claim in claims] == [True]
