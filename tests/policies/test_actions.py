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


@pytest.mark.parametrize(
    "claim",
    [
        "As you asked I have cancelled your order.",
        "You asked for a refund and I have refunded you.",
        "I'm sorry for the wait and your refund has been processed.",
        "I understand your frustration and your order has been refunded.",
        "I can't do more but I have refunded you.",
        "Please check your inbox: your refund has been issued.",
        "While I cannot speed it up I have escalated your case.",
        "If it helps I have already refunded your fee.",
        "If you need help, ask. Refund issued.",
    ],
)
def test_a_condition_or_an_apology_ends_with_its_clause(claim: str):
    """What comes behind "and", "but" or a colon is said of its own."""
    assert len(claimed_actions(claim)) == 1


@pytest.mark.parametrize(
    "claim",
    [
        "It has been cancelled.",
        "It's cancelled.",
        "Your order's been cancelled.",
        "I was able to cancel it.",
        "I managed to cancel your order.",
        "I am refunding you now.",
        "I have put through your refund.",
        "I have made the booking.",
        "I've taken care of your refund.",
        "I've just got your order cancelled.",
        "I have reversed the charge.",
        "The charge has been removed.",
        "Your refund is on its way.",
        "Your money's on its way.",
        "A technician is booked for you.",
        "\u2705 Refunded",
        "Refund: done",
        "- Refund: issued",
        "**Status:** refunded",
        "Refund status: completed.",
        "Consider it cancelled.",
        "You've been given a refund.",
    ],
)
def test_a_claim_need_no_first_person_and_participle(claim: str):
    """Notes, nouns, verbs and pronouns say the same."""
    assert claimed_actions(claim) != []


@pytest.mark.parametrize(
    ("claim", "answer"),
    [
        ("Ich habe das Geld \u00fcberwiesen.", "\u00fcberwiesen"),
        ("Ich habe Ihnen das Geld zur\u00fcckgezahlt.", "refund"),
        ("Je vous ai rembours\u00e9.", "refund"),
        ("Votre commande a \u00e9t\u00e9 annul\u00e9e.", "cancelled"),
        ("Su pedido ha sido cancelado.", "cancelled"),
        ("Ho annullato il tuo ordine.", "cancelled"),
        ("Il tuo ordine \u00e8 stato annullato.", "cancelled"),
        ("Seu pedido foi cancelado.", "cancelled"),
        ("Cancelei o seu pedido.", "cancelled"),
        ("Ik heb uw bestelling geannuleerd.", "cancelled"),
        ("Anulowa\u0142em zam\u00f3wienie.", "cancelled"),
        ("Twoje zam\u00f3wienie zosta\u0142o anulowane.", "cancelled"),
    ],
)
def test_claims_in_other_languages_are_grounded_by_the_same_tools(claim: str, answer: str):
    """An answer may be in another language than a tool's."""
    for text in (claim, normalise(claim)[0]):
        (claimed,) = claimed_actions(text)
        assert claimed in ActionRecords([answer])
        assert claimed not in ActionRecords(["open"])


@pytest.mark.parametrize(
    "text",
    [
        "We have created a help page for returns.",
        "A refund was requested by you.",
        "Your package may have been returned to the sender.",
        "If you have paid and your order has been cancelled, you get a refund.",
        "I can't say for sure that your refund has been processed.",
        "As soon as the item is received, a refund is issued.",
        "If you cancel it, it is refunded to your card.",
        "You say that your order has been cancelled.",
        "I'm sorry to hear that your card was stolen and your account has been blocked.",
        'The status "Refunded" means that the money is on its way.',
        "Order status: shipped means that it left our warehouse.",
        "We made the booking page easier to use.",
    ],
)
def test_pages_guesses_and_the_customers_own_acts_are_no_claims(text: str):
    """Nobody here did anything."""
    assert claimed_actions(text) == []


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
