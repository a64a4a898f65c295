"""A corrected text as findings, and back."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.judgement import redacted
from policies.corrections import changes

# Few letters, so that texts have much in common.
TEXT = st.text(st.sampled_from("ab .\n"), max_size=40) | st.text(st.characters(), max_size=20)


def spans(text: str, corrected: str) -> list[tuple[str, str]]:
    """What was changed, and into what."""
    found = changes(text, corrected, "tone", "")
    return [(text[f.start : f.end], f.replacement) for f in found]


def test_only_what_differs_is_found():
    """Words that stayed are not."""
    assert spans("You idiot, call me, moron!", "You ***, call me, ***!") == [
        ("idiot", "***"),
        ("moron", "***"),
    ]


def test_what_is_taken_out_leaves_nothing():
    """A word with its gap."""
    assert spans("a guaranteed refund", "a refund") == [("guaranteed ", "")]


def test_what_is_put_in_stands_at_the_character_beside_it():
    """No finding is empty."""
    assert spans("Hello.", "Hello. Goodbye.") == [(".", ". Goodbye.")]
    assert spans("world", "hello world") == [("w", "hello w")]


def test_long_texts_that_differ_much_differ_in_one_place():
    """From their first difference to their last: comparing all words would be quadratic."""
    text = "Dear all, " + "a " * 25_000 + "bye"
    corrected = "Dear all, " + "b " * 20_000 + "bye"
    ((before, after),) = spans(text, corrected)
    assert (before, after) == ("a " * 24_999 + "a", "b " * 19_999 + "b")


@given(TEXT, TEXT)
def test_the_changes_make_the_corrected_text(text: str, corrected: str):
    """Whatever the two are, and no two changes overlap."""
    found = sorted(changes(text, corrected, "tone", ""), key=lambda f: f.start)
    assert redacted(text, found) == corrected
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert all(f.start < f.end for f in found) or text == ""
