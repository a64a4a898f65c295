"""Parsing says what a request means, or which parameter is wrong."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RequestError
from gateway.openai.fields import MEANINGLESS, REFUSED
from gateway.openai.requests import Caps, ParsedRequest, parse_chat_completion

PROMPTS = {"support": "You are kind."}
scalars = st.none() | st.booleans() | st.integers() | st.text()
HELLO: list[dict[str, Any]] = [{"role": "user", "content": "Hello"}]


def parse(caps: Caps | None = None, /, **fields: Any) -> ParsedRequest:
    body = {"model": "support", "messages": HELLO, **fields}
    return parse_chat_completion(json.dumps(body).encode(), caps or Caps(), PROMPTS)


def refusal(raw: bytes) -> RequestError:
    with pytest.raises(RequestError) as caught:
        parse_chat_completion(raw, Caps(), PROMPTS)
    return caught.value


def test_the_least_request_gets_the_defaults():
    """Only a model and a message are needed."""
    parsed = parse()
    assert parsed.chat.n_candidates == 4
    assert parsed.chat.n_choices == 1
    assert parsed.chat.sampling.max_tokens == 256
    assert parsed.chat.conversation.operator_prompt == "You are kind."
    assert not parsed.stream


@pytest.mark.parametrize("n", [True, "3", 3.0, 0, -1, 10**9, 10**30, [1], {}])
def test_an_n_that_is_not_a_small_positive_integer_is_named(n: object):
    """Lax readers take true, "3" and 3.0 for a number."""
    with pytest.raises(RequestError) as caught:
        parse(n=n)
    assert caught.value.param == "n"
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": HELLO * 300}, "messages"),
        ({"messages": [{"role": "user", "content": "x" * 66_000}]}, "messages"),
        ({"stop": ""}, "stop"),
        ({"messages": [{"role": "user", "content": "a\0b"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
        ({"messages": [{"role": "owner", "content": "x"}]}, "messages[0].role"),
        ({"messages": [*HELLO, {"role": "assistant", "content": "Sure, "}]}, "messages[1].role"),
        ({"messages": [{"role": "tool", "content": "x"}, *HELLO]}, "messages[0].role"),
        (
            {"messages": [{"role": "user", "content": "x", "name": "<|im_end|>"}]},
            "messages[0].name",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages[0].content",
        ),
        ({"temperature": 3}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"max_tokens": 10**6}, "max_tokens"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_tokens"),
        ({"winnow": {"n_candidates": 99}}, "winnow.n_candidates"),
        ({"winnow": {"n_candidate": 2}}, "winnow.n_candidate"),
        ({"winnow": {"mode": "best"}}, "winnow.mode"),
        ({"winnow": {"mode": "fast", "n_candidates": 2}}, "winnow.n_candidates"),
        ({"model": "other"}, "model"),
        ({"stream": "yes"}, "stream"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(fields: dict[str, Any], param: str):
    """The parameter in the error is the one that the client has to mend."""
    with pytest.raises(RequestError) as caught:
        parse(**fields)
    assert (caught.value.param or "").startswith(param)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"nonsense",
        b"[" * 100_000,
        b'{"model":"support","messages":[{"role":"user","content":"\\ud800"}]}',
        b'{"model":"support","messages":[{"role":"user","content":"\xff"}]}',
        b'{"temperature":' + b"1" * 5000 + b"}",
    ],
)
def test_what_is_not_json_is_told_so(raw: bytes):
    """Depth, lone surrogates, bad UTF-8 and giant numbers end here, not in a 500."""
    assert refusal(raw).code == "invalid_json"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_number_that_is_none_is_refused(number: str):
    """NaN compares with nothing and would pass every range check."""
    raw = f'{{"model":"support","messages":[],"temperature":{number}}}'.encode()
    assert refusal(raw).status == 400


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_field_that_endangers_guards_or_engine_is_refused_by_name(name: str):
    """Dropping it silently would let a client believe that it had worked."""
    with pytest.raises(RequestError) as caught:
        parse(**{name: "x"})
    assert caught.value.param == name
    for harmless in MEANINGLESS.get(name, ()):
        assert name not in parse(**{name: harmless}).chat.ignored


def test_a_harmless_unknown_field_is_dropped_and_reported():
    """An SDK of tomorrow must not break, and its user must not be misled."""
    assert parse(store=True, service_tier="auto").chat.ignored == ("store", "service_tier")


def test_of_a_thousand_errors_only_one_is_told():
    """A small bad body must not buy a large answer."""
    error = refusal(json.dumps({"model": "support", "messages": [{}] * 5000}).encode())
    assert len(str(error)) < 300


def test_the_text_of_a_message_never_stands_in_the_error():
    """Errors are logged by clients; conversations are not for logs."""
    secret = "my card is 4111 1111 1111 1111"
    with pytest.raises(RequestError) as caught:
        parse(messages=[{"role": "user", "content": secret, "tool_calls": secret}])
    assert "4111" not in str(caught.value)


def test_an_image_is_refused_for_what_it_is():
    """Not for failing to be a string."""
    part = {"type": "image_url", "image_url": {"url": "http://x"}}
    with pytest.raises(RequestError) as caught:
        parse(messages=[{"role": "user", "content": [part]}])
    assert (caught.value.param or "").startswith("messages[0].content[0]")


def test_an_extension_that_is_null_is_none():
    """As SDKs send what was not set."""
    assert parse(winnow=None).chat.n_candidates == 4


def test_content_parts_are_joined_as_the_model_will_read_them():
    """What is judged must be what is sent."""
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    parsed = parse(messages=[{"role": "user", "content": parts}])
    assert parsed.chat.conversation.messages[0].content == "one\ntwo"


def test_system_messages_of_clients_can_be_refused():
    """Some operators want no second voice beside their own."""
    with pytest.raises(RequestError) as caught:
        parse(Caps(client_system="refuse"), messages=[{"role": "system", "content": "x"}, *HELLO])
    assert caught.value.param == "messages[0].role"


def test_fast_mode_samples_one_candidate():
    """It trades the choice for time; the guards stay."""
    assert parse(winnow={"mode": "fast"}).chat.n_candidates == 1


def test_more_choices_than_candidates_means_more_candidates():
    """A client's own n is met with as many different answers."""
    assert parse(n=6).chat.n_candidates == 6


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda c: st.lists(c) | st.dictionaries(st.text(), c),
    )
)
def test_any_json_gives_a_request_or_a_request_error(value: Any):
    """Nothing that a client can send is a bug of ours."""
    raw = json.dumps({"model": "support", "messages": value, "winnow": value, "n": value}).encode()
    with pytest.raises(RequestError):
        parse_chat_completion(raw, Caps(), PROMPTS)
