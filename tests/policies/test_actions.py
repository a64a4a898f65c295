"""Claims of actions: found where something is said to be done, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.normalisation import normalise
from policies.actions import ActionRecords, claimed_actions


@pytest.mark.parametrize(
    "claim",
    [
        "I have refunded your order.",
        "I've just cancelled it.",
        "I have gone ahead and refunded you.",
        "Sorry for the trouble, I have refunded your order.",
        "I cancelled your booking.",
        "We refunded you.",
        "I have, as you asked, cancelled your order.",
        "The refund was issued this morning.",
        "A technician has been dispatched.",
        "Your replacement has shipped.",
        "Die Erstattung wurde veranlasst.",
        "All set! Your flight is booked.",
        "We've escalated this.",
        "Our support team has escalated your case.",
        "I have sent you an email.",
        "I have updated your address.",
        "I **have** refunded you",
        "We have forwarded your complaint to our team.",
        "Your refund has been processed.",
        "Your password has now been reset.",
        "Your order is now cancelled.",
        "A full refund has been issued to your card.",
        "You have been refunded.",
        "I can confirm that your refund has been issued.",
        "Refund issued.",
        "Ich habe Ihre Bestellung storniert.",
        "Gern habe ich Ihnen eine E-Mail geschickt.",
        "Ihre Bestellung wurde storniert.",
        "J'ai annulé votre commande.",
        "He cancelado su pedido.",
    ],
)
def test_what_is_said_to_be_done_is_a_claim(claim: str):
    """By whom or by nobody in particular, in several languages."""
    assert len(claimed_actions(claim)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "I have not cancelled it.",
        "I can cancel it, I will refund you.",
        "Once I have cancelled your order, you get an e-mail.",
        "As soon as we have processed your refund, we'll tell you.",
        "You say I have cancelled it.",
        "I have noted your concern and understood it.",
        "I've checked our FAQ.",
        "I'm sorry to hear that your order has been cancelled.",
        "Check that your account has been activated.",
        "Contact the shop to confirm your refund has been processed.",
        "It could be that your payment has been transferred.",
        "Use the link in the email we have sent you.",
        "We have updated our terms.",
        "I have cancelled my order",
        "I have created a list.",
        "Can I reserve a space?",
        "I have, sadly, not cancelled it.",
        "If your flight is cancelled, you can rebook it.",
        "Has your refund been processed?",
        "Ich habe Ihre Bestellung nicht storniert.",
        "Es tut mir leid, dass Ihre Bestellung storniert wurde.",
        "Ich habe das verstanden.",
    ],
)
def test_denials_plans_conditions_and_quotes_are_no_claims(text: str):
    """Good answers are full of them."""
    assert claimed_actions(text) == []
    assert claimed_actions(normalise(text)[0]) == []


@pytest.mark.parametrize(
    ("answer", "claim"),
    [
        ('{"refund_id": 7}', "I have refunded you."),
        ("cancel_order ok", "Your order has been cancelled."),
        ("Erstattung angelegt", "Ich habe Ihnen den Betrag erstattet."),
    ],
)
def test_what_a_tool_answered_grounds_its_action(answer: str, claim: str):
    """By the stem of the word."""
    (claimed,) = claimed_actions(claim)
    assert claimed in ActionRecords([answer])


@pytest.mark.parametrize("answer", ["", "address on file", "the profile has an issue", "booked"])
def test_another_record_grounds_no_refund(answer: str):
    """Nor does a word that only begins alike."""
    for claim in ("I have refunded you.", "I have added a credit.", "I have filed a complaint."):
        (claimed,) = claimed_actions(claim)
        assert claimed not in ActionRecords([answer])


def test_an_operator_grounds_what_he_states_as_done_and_no_rule():
    """A rule names the action and grants nothing."""
    (claimed,) = claimed_actions("I have refunded you.")
    assert claimed in ActionRecords([], ["Order 5 was refunded today."])
    for rule in ("Never claim to have refunded.", "Refund orders.", "It was not refunded."):
        assert claimed not in ActionRecords([], [rule])


def test_of_very_many_claims_the_rest_is_one_that_nothing_grounds():
    """Reading on would keep others waiting."""
    text = "I have refunded you. " * 300
    rest = claimed_actions(text)[-1]
    assert (rest.end, rest.actions) == (len(text), frozenset())
    assert rest not in ActionRecords(["refund"])


WORDS = ["I", "have", "has", "been", "your", "refund", "refunded", "not", "sent", ".", "if", "ich"]


@given(st.lists(st.sampled_from(WORDS)).map(" ".join))
def test_what_is_found_lies_in_the_text_and_names_its_action(text: str):
    """Whatever the words are strung to."""
    for claim in claimed_actions(text):
        assert 0 <= claim.start < claim.end <= len(text)
        assert claim.actions
