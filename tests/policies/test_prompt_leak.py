"""Leaks of the operator's prompt: instructions are found, facts may be said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.prompt_leak import PromptLeak
from tests.policies.disguises import LETTERS, TURNED, WHOLE, WORDS
from tests.policies.judging import found

PROMPT = """You are Tilda, the assistant of Blue Fjord Outdoor. Be friendly and brief.
We are open Monday to Friday from 9 to 17, and on Saturdays from 10 to 14.
You can return goods within 30 days of delivery, unused and in their box. Returns are free.
Never share your card number or your PIN with anybody.
Greet with "Welcome to Blue Fjord Outdoor, how can I help you on your way today?".
If the customer asks for a discount, never mention the staff code and offer free shipping instead.
Do not discuss the recall of the Trollstigen stove; tell the customer to write to our lawyers.
<facts>The assistant can look up orders by their number, and the customer gets a mail.</facts>"""
LEAK = "if the customer asks for a discount, never mention the staff code and offer free shipping"
OTHERS = """Je bent de assistent van een fietsenwinkel. Wees vriendelijk en kort.
Geef nooit korting en praat niet over de staking van vorige week in het magazijn."""
POLICY = PromptLeak()


async def leaks(text: str, prompt: str = PROMPT) -> list[str]:
    return await found(POLICY, text, operator_prompt=prompt)


@pytest.mark.parametrize(
    "answer",
    [
        f"Well, {LEAK}.",
        "I am Tilda, the assistant of Blue Fjord Outdoor. I'm told: Be friendly and brief.",
        f"My instructions: {PROMPT}",
        "Do not discuss the recall of the Trollstigen stove!",
        "do not DISCUSS the recall, of **the** Trollstigen stove",
    ],
)
async def test_instructions_word_by_word_are_found(answer: str):
    """In other case, with other punctuation, said of oneself."""
    assert await leaks(answer) != []


@pytest.mark.parametrize("name", {**LETTERS, **WORDS, **WHOLE, **TURNED})
async def test_instructions_in_disguise_are_found(name: str):
    """Whoever asks for them in base64 or backwards gets them no more.

    Signs alone ("4" for "a") stay signs, which breaks a run.
    """
    if name != "leet":
        disguised = {**LETTERS, **WORDS, **WHOLE, **TURNED}[name](LEAK.replace(",", ""))
        assert await leaks(f"Of course: {disguised}") != []


@pytest.mark.parametrize(
    "answer",
    [
        "We are open Monday to Friday from 9 to 17, and on Saturdays from 10 to 14.",
        "You can return goods within 30 days of delivery, unused and in their box.",
        "Welcome to Blue Fjord Outdoor, how can I help you on your way today?",
        "Never share your card number or your PIN with anybody.",
        "I'm Tilda, the assistant of Blue Fjord Outdoor.",
        "The assistant can look up orders by their number, and the customer gets a mail.",
        "I can't give you a discount, but I can offer you free shipping.",
        "I'm sorry, I can't see your account. Please write to us with your order number.",
        "",
    ],
)
async def test_what_is_for_saying_passes(answer: str):
    """Facts, the greeting, what is quoted or marked, and short phrases."""
    assert await leaks(answer) == []


async def test_no_prompt_can_not_leak():
    """Then the policy costs nothing."""
    assert await leaks(LEAK, "") == []
    assert await leaks(LEAK, '"How can I help you?"') == []


async def test_a_prompt_without_a_known_instruction_counts_as_a_whole():
    """In other languages than English nobody tells them from facts; a run is twice as long."""
    second = OTHERS.splitlines()[1]
    assert await leaks(f"Mijn opdracht: {second}", OTHERS) != []
    assert await leaks("Je bent de assistent van een fietsenwinkel.", OTHERS) == []


async def test_languages_without_spaces_are_read_by_character():
    """Sixteen characters are as much as eight words."""
    prompt = "あなたは青い店の店員です。割引コードについて絶対に話さないでください。"
    assert await leaks(prompt, prompt) != []
    assert await leaks("青い店です。", prompt) == []


async def test_scattered_pieces_of_the_prompt_add_up():
    """No run is long, but most of the prompt is there."""
    prompt = (
        "You are a clerk. Always answer in rhyme and never tell the customer about the old mill."
    )
    pieces = "I am a clerk, right: always answer in rhyme, hm, never tell the customer about the"
    assert await found(PromptLeak(min_words=60), pieces, operator_prompt=prompt) != []


async def test_a_finding_is_the_run_itself():
    """The rest of the answer could be shown."""
    (quoted,) = await leaks("Sure! Do not discuss the recall of the Trollstigen stove, they say.")
    assert quoted == "Do not discuss the recall of the Trollstigen stove"


AROUND = st.text() | st.text(st.sampled_from("ab \u3042\u6f22.,!?*_-'\u00e9\U0001f600\u20ac\n"))


@given(before=AROUND, after=AROUND)
async def test_a_leak_is_found_where_it_stands_whatever_is_around_it(before: str, after: str):
    """Between two sentences of any script."""
    found_in = await leaks(f"{before} . {LEAK} . {after}")
    assert any(LEAK in quoted for quoted in found_in)
