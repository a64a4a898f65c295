"""A screening as OpenAI's result: what is flagged, by which name, how surely."""

import pytest

from gateway.openai.moderations import CATEGORIES, OURS, moderation_result
from gateway.types import Action, Finding, Screening, Verdict


def verdict(category: str, score: float | None = None, *, action: Action = "flag") -> Verdict:
    found = (Finding(0, 1, category, score=score),)
    return Verdict("p", "input", action, enforced=True, findings=found)


def result(*verdicts: Verdict, judged: tuple[str, ...] = ()) -> dict[str, object]:
    blocked = next((v for v in verdicts if v.action == "block"), None)
    return moderation_result(Screening("ab", "ab", verdicts, blocked), judged, {})


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("toxicity", "harassment"),
        ("bias", "hate"),
        ("harm", "illicit"),
        ("threat", "harassment/threatening"),
        ("self_harm_intent", "self-harm/intent"),
        ("sexual/minors", "sexual/minors"),
    ],
)
def test_a_category_of_ours_has_one_of_theirs(ours: str, theirs: str):
    """And no other one is true."""
    told = result(verdict(ours))
    assert told["flagged"] is True
    assert told["categories"] == {name: name == theirs for name in CATEGORIES}


def test_every_name_in_the_table_is_one_of_theirs():
    """A client's model of the response has no other."""
    assert set(OURS.values()) == set(CATEGORIES)


def test_a_score_is_the_highest_probability_and_one_for_a_rule():
    """Of all verdicts that come to one category of theirs."""
    told = result(verdict("toxicity", 0.7), verdict("insults", 0.9), verdict("bias"))
    scores = told["category_scores"]
    assert scores == {n: {"harassment": 0.9, "hate": 1.0}.get(n, 0.0) for n in CATEGORIES}


def test_a_flag_that_they_have_no_name_for_is_no_flag_and_a_block_is():
    """Personal data in an honest message, against a jailbreak."""
    assert result(verdict("personal_data"))["flagged"] is False
    assert result(verdict("special_tokens", action="block"))["flagged"] is True


def test_the_categories_that_somebody_looks_for_apply_to_text():
    """What is found counts as looked for, whoever finds it."""
    told = result(verdict("violence"), judged=("bias", "personal_data"))
    assert told["category_applied_input_types"] == {
        name: ["text"] if name in ("hate", "violence") else [] for name in CATEGORIES
    }
