"""What the values themselves say."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from gateway.types import (
    Caller,
    Candidate,
    ChatRequest,
    Conversation,
    Exchange,
    Finding,
    Message,
    SamplingParameters,
    ScoredCandidate,
    Screening,
    Subject,
    Verdict,
)


def exchange(key_id: str | None, session_id: str | None, first: str) -> Exchange:
    request = ChatRequest(
        model="support",
        conversation=Conversation((Message("user", first), Message("user", "and then?"))),
        sampling=SamplingParameters(max_tokens=8),
        session_id=session_id,
    )
    caller = Caller(key_id, frozenset())
    return Exchange("e1", datetime.now(UTC), request, caller, "answered", policy_digest="d")


texts = st.text(max_size=20)
origins = st.tuples(st.none() | texts, st.none() | texts, texts)


@given(a=origins, b=origins)
def test_a_conversation_is_one_keys_session_or_else_its_first_turn(
    a: tuple[str | None, str | None, str], b: tuple[str | None, str | None, str]
):
    """Two keys never share one, and neither do a session and a first turn that look alike."""

    def origin(key: str | None, session: str | None, first: str) -> tuple[object, ...]:
        return (key, "first", first) if session is None else (key, "session", session)

    same = exchange(*a).conversation_id == exchange(*b).conversation_id
    assert same == (origin(*a) == origin(*b))


def test_the_last_user_text_is_that_of_the_last_user_turn():
    """Whoever spoke after it."""
    talk = Conversation((Message("user", "one"), Message("user", "two"), Message("assistant", "x")))
    assert talk.last_user_text == "two"
    assert Conversation(()).last_user_text == ""


def test_a_span_of_the_folded_text_is_marked_in_the_real_one():
    """`offsets` leads back, also where one character gave two."""
    subject = Subject("aﬀb", "input", Conversation(()), lambda _: ("affb", [0, 1, 1, 2, 3]))
    assert subject.span(1, 3) == (1, 2)
    assert subject.span(0, 4) == (0, 3)


def test_blocked_categories_are_told_once_in_their_order():
    """Of the input first, then of the candidates; an error has no category but its action."""
    finding = Finding(0, 1, "insults")
    block = Verdict("terms", "output", "block", enforced=True, findings=(finding,))
    error = Verdict("judge", "input", "error", enforced=True, withheld=True)

    def kept_back(verdict: Verdict) -> Screening:
        return Screening("a", "a", (verdict,), blocked_by=verdict)

    candidates = tuple(
        ScoredCandidate(Candidate(i, "finished", "a"), kept_back(block)) for i in range(2)
    )
    base = replace(exchange(None, None, "x"), candidates=candidates)
    assert base.blocked_categories == ("insults",)
    both = replace(base, input_screenings=(kept_back(error),))
    assert both.blocked_categories == ("error", "insults")


def test_what_is_derived_from_a_subject_is_made_once():
    """Several policies share it; another text starts anew."""
    made: list[str] = []

    def length(of: Subject) -> int:
        made.append(of.text)
        return len(of.text)

    one = Subject("one", "input", Conversation(()), lambda text: (text, range(len(text) + 1)))
    assert (one.derived(length), one.derived(length)) == (3, 3)
    three = replace(one, text="three")
    assert three.derived(length) == 5
    assert made == ["one", "three"]
    assert one == replace(one)


def test_a_conversation_until_a_turn_keeps_the_operators_prompt():
    """What comes later is left out."""
    turns = (Message("user", "one"), Message("assistant", "two"))
    assert Conversation(turns, "be kind").until(0) == Conversation(turns[:1], "be kind")
