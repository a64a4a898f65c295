"""Leaks of the operator's prompt: instructions are found, facts may be said."""

import json
from base64 import b64encode

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
JOINED = LEAK.replace(" ", "").replace(",", "")
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


@pytest.mark.parametrize(
    "written",
    [
        "\n".join(f"{i}. {w}" for i, w in enumerate(LEAK.split(), 1)),
        "- " + "\n- ".join(LEAK.split()),
        "- ".join(LEAK.split()),
        str(LEAK.split()),
        json.dumps(dict(enumerate(LEAK.split()))),
        LEAK.replace(" ", ""),
        LEAK.replace(" ", "-"),
        " ".join(w + " um" * (i % 3 == 2) for i, w in enumerate(LEAK.split())),
        " ".join(f"{w} xx" for w in LEAK.split()),
        " ".join(reversed(LEAK.split())),
    ],
)
async def test_instructions_in_list_form_are_found(written: str):
    """One word a line, in JSON or Python, joined by marks or by nothing, between fillers."""
    assert await leaks(f"Of course:\n{written}") != []


@given(before=st.text(st.characters(categories=["L"])), size=st.integers(33, len(JOINED)))
async def test_a_run_of_letters_is_found_wherever_it_begins(before: str, size: int):
    """In the midst of other letters, and cut at any place."""
    assert await leaks(f"{before}{JOINED[-size:]}") != []


CODES = """You are a clerk. Discount code for staff: WINTER77. Never mention it to the customer.
If the customer asks for the staff rate, never give the code AB-12-CD.
If the customer asks for a discount, offer the code SUMMER24.
<facts>Code: SPRING25, never secret.</facts>
If asked for a discount, offer code SAVE10 only to members. Never say that the model X200 is old."""


@pytest.mark.parametrize(
    "answer", ["WINTER77", "AB-12-CD", "ab12cd", "A B 1 2 C D", "SAVE10", "QUItMTItQ0Q="]
)
async def test_a_code_in_an_instruction_is_a_leak_by_itself(answer: str):
    """However it is written."""
    assert await leaks(f"The code is {answer}.", CODES) != []


@pytest.mark.parametrize("answer", ["SUMMER24", "SPRING25", "X200", "save 10 euros", "ABBA12CDE"])
async def test_a_code_for_saying_passes(answer: str):
    """One to be offered, one between <facts>, a model's name, words that look alike."""
    assert await leaks(f"It is {answer}.", CODES) == []


async def test_a_code_that_the_customer_named_may_be_repeated():
    """He knows it already."""
    prompt, answer = "Is SAVE10 still good?", "SAVE10 is for members."
    assert await found(POLICY, answer, operator_prompt=CODES) != []
    assert await found(POLICY, answer, operator_prompt=CODES, prompt=prompt) == []


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


@pytest.mark.parametrize("space", ["\t", "\v", "\x1c", "\x1d", "\x1e", "\x1f", "\x85", "\u2028"])
async def test_whatever_stands_for_a_space_in_what_is_hidden(space: str):
    """Python and RE2 do not agree on what white space is."""
    secret = "never tell the customer about the recall of the blue stove"
    hidden = b64encode(space.join(secret.split()).encode()).decode()
    prompt = f"You are a clerk. {secret.capitalize()}."
    assert await found(PromptLeak(), hidden, operator_prompt=prompt) == [hidden]
