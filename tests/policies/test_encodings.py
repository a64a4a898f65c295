"""Encodings: what they say, and what only looks like one."""

import pytest

from policies.encodings import ENCODINGS, INVISIBLE, LEET, MARKUP, Encoding, hidden_in, legible

BY_NAME = {encoding.name: encoding for encoding in (*ENCODINGS, MARKUP, LEET)}


def read(encoding: Encoding, text: str) -> list[str]:
    spans = encoding.pattern.spans(text)
    return [plain for start, end in spans if (plain := encoding.decode(text[start:end]))]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("escapes", "&#105;", "i"),
        ("escapes", "&#x69", "i"),
        ("escapes", "&auml;", "ä"),
        ("escapes", "%C3%A4", "ä"),
        ("escapes", r"\u0069\u0064", "id"),
        ("escapes", r"\u{1F600}", "😀"),
        ("escapes", r"\ud83d\ude00", "😀"),
        ("escapes", r"\U0001F600", "😀"),
        ("escapes", r"\151", "i"),
        ("escapes", "U+0069 U+0064", "id"),
        ("escapes", "=69=64", "id"),
        ("hex", "0x6964696f74", "idiot"),
        ("binary", "01101001 01100100 01101001 01101111 01110100", "idiot"),
        ("character codes", "105, 100, 105, 111, 116", "idiot"),
        ("character codes", "69:64:69:6f:74", "idiot"),
        ("base64", "aWRpb3Q=", "idiot"),
        ("base64", "aQBkAGkAbwB0AA==", "idiot"),
        ("base64", "rJ91VTyxnJ90", "you idiot"),
        ("base64", "09WaklGI19We", "you idiot"),
        ("base32", "NFSGS33U", "idiot"),
        ("braille", "\u280a\u2819\u280a\u2815\u281e", "idiot"),
        ("morse", ".. -.. .. --- -", "idiot"),
        ("morse", "···· ·· / ·· ·", "hi ie"),
        ("spelled", "i-d-i-o-t s-i-r", "idiot sir"),
        ("markup", "[id](https://x.example)", "id"),
        ("markup", r"\*", "*"),
        ("leet", "1d10t", "idiot"),
        ("leet", "d!$4g", "disag"),
    ],
)
def test_an_encoded_text_says_what_was_written(name: str, text: str, says: str):
    """In every notation that is common."""
    assert "".join(read(BY_NAME[name], text)) == says


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("escapes", "AT&T; 100% sure, a=b & c"),
        ("hex", "order 10023345, DE89370400440532013000"),
        ("binary", "10100110"),
        ("character codes", "1 2 3 4 5, 12/10/2025"),
        ("base64", "PayPal iPhone customer JavaScript a7B9xQ2mK4pL8z"),
        ("base32", "CONFIRMED, MY PARCEL WAS RETURNED YESTERDAY"),
        ("braille", "\u2801 \u00b7 \u2022"),
        ("morse", "well - or - not ... no -- yes"),
        ("spelled", "1 2 3 4 5 6"),
        ("leet", "A55 24h 3D 100 b2"),
        ("markup", "3 < 5 and 7 > 2"),
    ],
)
def test_what_only_looks_encoded_is_left(name: str, text: str):
    """Order numbers, names of products, dates, dashes."""
    assert read(BY_NAME[name], text) == []


def test_bytes_that_are_no_text_say_nothing():
    """A picture or a key is no message."""
    assert legible(bytes(range(256))) == ""
    assert legible(b"") == ""
    assert legible("déjà vu, 日本語".encode()) == "déjà vu, 日本語"


def test_an_emoji_hides_nothing():
    """Its selectors and joiners say how it looks, a flag's tags which one it is."""
    family = "\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL}\ufe0f\N{HEAVY BLACK HEART}\ufe0f" * 8
    runs = "".join(family[start:end] for start, end in INVISIBLE.spans(family))
    assert hidden_in(runs) == ""
