"""Turns: what is remembered of them, and how they read as one text."""

from gateway.turns import Memory, crossing, keys_of, turns_as_one
from gateway.types import Conversation, Finding, Message, Verdict

PASS = Verdict("p", "input", "pass", enforced=True, duration_ms=7.0)


def test_a_key_names_all_that_was_said_up_to_a_turn():
    """The operator's prompt, roles, names and texts; what comes later changes nothing."""
    one, two = Message("user", "one"), Message("assistant", "two")
    keys = keys_of(Conversation((one, two), "be kind"))
    assert keys[:1] == keys_of(Conversation((one,), "be kind"))
    others = (
        Conversation((one, two), "be rude"),
        Conversation((two, two), "be kind"),
        Conversation((Message("system", "one"), two), "be kind"),
        Conversation((Message("user", "one", "bob"), two), "be kind"),
        Conversation((Message("user", "\ud800"), two), "be kind"),
    )
    assert len({keys[1], *(keys_of(other)[1] for other in others)}) == 6


def test_memory_forgets_the_oldest_first():
    """It has a bound, so that no customer can fill it for ever."""
    memory = Memory()
    for i in range(4096):
        memory.keep(b"%d" % i, [PASS])
    assert memory.recall(b"0") is not None
    memory.keep(b"new", [PASS])
    assert memory.recall(b"1") is None
    assert memory.recall(b"0") is not None


def test_what_is_recalled_took_no_time():
    """A ledger that said otherwise would count it twice."""
    memory = Memory()
    memory.keep(b"a", [PASS])
    assert memory.recall(b"a") == [Verdict("p", "input", "pass", enforced=True)]


def test_the_turns_of_one_author_read_as_one_text():
    """Others' are left out, and of much that was said before only the end counts."""
    turns = [Message("user", "one"), Message("assistant", "no"), Message("user", "two")]
    assert turns_as_one(Conversation(tuple(turns))) == ("one two", 4)
    assert turns_as_one(Conversation(tuple(turns[:1]))) == ("one", 0)
    text, border = turns_as_one(Conversation((Message("user", "x" * 5000), turns[2])))
    assert (len(text), text[border:]) == (2003, "two")


def test_only_what_crosses_the_border_counts():
    """What stands wholly before it or behind it was judged on its own."""
    findings = tuple(Finding(a, b, "c") for a, b in [(0, 4), (2, 6), (4, 6)])
    verdict = Verdict("p", "input", "block", enforced=True, findings=findings)
    found = crossing(verdict, 4)
    assert [(f.start, f.end) for f in found.findings] == [(0, 2)]
    assert found.detail == "over several turns"
    assert crossing(Verdict("p", "input", "error", enforced=True, withheld=True), 4) == Verdict(
        "p", "input", "pass", enforced=True
    )
