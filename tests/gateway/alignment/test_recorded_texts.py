"""The texts of an exchange as they were judged, with the votes on what was shown for them."""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.alignment.recorded_texts import Votes, recorded_texts, unjudged
from gateway.policy_sets import PolicySet
from gateway.types import Candidate, ScoredCandidate
from tests.gateway.alignment.recordings import policy_set, recorded, words
from tests.gateway.ledger.exchanges import exchange, vote


@pytest.fixture
def rude(tmp_path: Path) -> PolicySet:
    redacting = words("name", "Bob", stages="[input]", on_fail="redact")
    return policy_set(tmp_path, words("rude", "idiot", stages="[input, output]"), redacting)


async def test_messages_come_as_the_client_sent_them_and_candidates_as_the_model_was_asked(
    rude: PolicySet,
):
    """The exchange itself keeps what the model was shown."""
    one = await recorded([rude], ["I am Bob.", "Hello Bob.", "Well?"], ["Fine.", "You idiot."])
    first, answer, last, *candidates = recorded_texts(one, ())
    assert first.screening.original == "I am Bob."
    assert [m.content for m in last.conversation.messages] == ["I am Bob.", "Hello Bob.", "Well?"]
    assert [m.content for m in first.conversation.messages] == ["I am Bob."]
    assert (first.newest, answer.newest, last.newest) == (False, False, True)
    assert [text.role for text in (first, answer, last)] == ["user", "assistant", "user"]
    assert [text.index for text in candidates] == [0, 1]
    assert "Bob" not in candidates[0].conversation.messages[0].content


async def test_votes_belong_to_the_answer_that_was_shown_and_to_the_message_it_answered(
    rude: PolicySet,
):
    """A vote that was replaced counts no more; other candidates have none."""
    one = await recorded([rude], ["Hello"], ["You idiot.", "Fine.", "Good."])
    votes = [
        vote(one, id="1", by="ann", rating=1),
        vote(one, id="2", by="bob", rating=1),
        vote(one, id="3", by="bob", rating=-1),
    ]
    message, *candidates = recorded_texts(one, votes)
    assert message.votes == Votes(1, 1)
    assert [text.votes for text in candidates] == [Votes(), Votes(1, 1), Votes()]


async def test_votes_on_a_template_are_on_all_that_it_stood_for(rude: PolicySet):
    """On every candidate that was blocked, or on the message."""
    unanswered = await recorded([rude], ["Hello"], ["You idiot.", "idiot"])
    _, *candidates = recorded_texts(unanswered, [vote(unanswered, rating=-1)])
    assert [text.votes for text in candidates] == [Votes(0, 1)] * 2
    refused = await recorded([rude], ["You idiot."])
    (message,) = recorded_texts(refused, [vote(refused, rating=-1)])
    assert message.votes == Votes(0, 1)


def test_what_no_policy_judged_is_counted_and_not_given():
    """A client that left, a draw that came too late."""
    bare = ScoredCandidate(Candidate(index=0, outcome="finished", text="Hi"))
    failed = ScoredCandidate(Candidate(index=1, outcome="failed"))
    left = replace(exchange(), candidates=(bare, failed), choices=())
    assert unjudged(left) == 2
    assert list(recorded_texts(left, ())) == []
