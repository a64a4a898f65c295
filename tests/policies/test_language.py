"""Answers in the customer's language, or in those of the shop."""

import pytest
from pydantic import ValidationError

from policies.language import Language
from tests.policies.judging import found

GERMAN = "Ihr Paket ist auf dem Weg und kommt voraussichtlich am Freitag bei Ihnen an."
ENGLISH = "Your parcel is on its way and should reach you on Friday."


async def test_another_language_is_found():
    """And the allowed one is not."""
    policy = Language(allow=("en",))
    assert await found(policy, GERMAN) == [GERMAN]
    assert await found(policy, ENGLISH) == []


async def test_the_language_of_the_customer_is_followed():
    """Whatever it is, where nothing else is allowed."""
    policy = Language(same_as_customer=True)
    assert await found(policy, ENGLISH, prompt="Wo bleibt mein Paket denn nur?") == [ENGLISH]
    assert await found(policy, GERMAN, prompt="Wo bleibt mein Paket denn nur?") == []


async def test_a_language_of_the_shop_is_allowed_beside_the_customers():
    """Both of them pass, a third one does not."""
    policy = Language(allow=("en",), same_as_customer=True)
    prompt = "Wo bleibt mein Paket denn nur?"
    assert await found(policy, ENGLISH, prompt=prompt) == []
    assert await found(policy, GERMAN, prompt=prompt) == []
    french = "Votre colis est en route et devrait arriver vendredi."
    assert await found(policy, french, prompt=prompt) == [french]


async def test_nothing_is_asked_of_who_answers_a_customer_of_unknown_language():
    """A number is no reason to hold an answer back."""
    assert await found(Language(same_as_customer=True), GERMAN, prompt="10023345") == []


async def test_names_and_numbers_have_no_language():
    """An answer of a few words passes."""
    for text in ("", "OK!", "Galaxy A55: 10023345", "Zürich, Bahnhofstr. 1"):
        assert await found(Language(allow=("en",)), text) == []


async def test_a_beginning_in_the_right_language_does_not_speak_for_the_rest():
    """Only the foreign part of a long text is found."""
    text = (ENGLISH + " ") * 20 + (GERMAN + " ") * 20
    quoted = await found(Language(allow=("en",)), text)
    assert quoted
    assert "".join(quoted) in text
    assert "auf dem Weg" in quoted[-1]
    assert sum(map(len, quoted)) < 0.6 * len(text)


@pytest.mark.parametrize("options", [{}, {"allow": ["english"]}, {"allow": ["xx"]}])
def test_a_set_that_allows_no_language_is_refused(options: dict[str, list[str]]):
    """When it is made; an unknown code is named."""
    with pytest.raises(ValidationError, match="allow"):
        Language(**options)  # pyright: ignore[reportArgumentType] - as it comes from a file
