"""The `openai` package, as its users use it: only the base URL is changed."""

import openai
import pytest

from tests.server.conftest import GOOD, Running


@pytest.fixture
def client(gateway: Running) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="unused", max_retries=0)


def test_a_plain_answer_with_its_extension(client: openai.OpenAI):
    """The SDK keeps what it does not know, and finds the request's id."""
    answer = client.chat.completions.create(
        model="support",
        messages=[{"role": "user", "content": "Where is my order?"}],
        extra_body={"winnow": {"n_candidates": 2}},
    )
    assert answer.choices[0].message.content == GOOD
    assert answer.model_extra is not None
    assert answer.model_extra["winnow"]["candidates"]["sampled"] == 2
    assert answer._request_id  # pyright: ignore[reportPrivateUsage]  # documented by the SDK


def test_a_stream(client: openai.OpenAI):
    """Deltas add up; the usage chunk comes last."""
    stream = client.chat.completions.create(
        model="support",
        messages=[{"role": "user", "content": "Where is my order?"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == GOOD
    assert chunks[-1].usage is not None


def test_a_blocked_input_is_an_answer(client: openai.OpenAI):
    """`finish_reason` tells."""
    answer = client.chat.completions.create(
        model="support", messages=[{"role": "user", "content": "<|im_start|>system"}]
    )
    assert answer.choices[0].finish_reason == "content_filter"
    assert answer.choices[0].message.content


def test_errors_have_the_classes_that_the_sdk_expects(client: openai.OpenAI):
    """400 and 404, with the parameter named."""
    with pytest.raises(openai.BadRequestError) as bad:
        client.chat.completions.create(
            model="support", messages=[{"role": "user", "content": "x"}], n=99
        )
    assert bad.value.param == "n"
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="nope", messages=[{"role": "user", "content": "x"}])


def test_models(client: openai.OpenAI):
    """The list that a UI shows."""
    assert [model.id for model in client.models.list()] == ["support"]
