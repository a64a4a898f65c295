"""The dialogues of hh-harmless become conversations with two answers."""

import gzip
import json
from pathlib import Path

from bench.hh_harmless import read_pairs
from gateway.types import Message

START = "\n\nHuman: Hello\n\nAssistant: Hi!\n\nHuman: A prank?\nWith a pen."


def packed(folder: Path, *pairs: tuple[str, str]) -> Path:
    file = folder / "pairs.jsonl.gz"
    with gzip.open(file, "wt", encoding="utf-8") as lines:
        for chosen, rejected in pairs:
            lines.write(json.dumps({"chosen": chosen, "rejected": rejected}) + "\n")
    return file


def test_what_both_begin_with_is_the_conversation(tmp_path: Path):
    """And the last turn of the chosen one is the better answer, whatever stands in it."""
    file = packed(tmp_path, (f"{START}\n\nAssistant: No.\n\nSorry.", f"{START}\n\nAssistant: Yes."))
    [pair] = read_pairs(file)
    assert pair.conversation.messages == (
        Message("user", "Hello"),
        Message("assistant", "Hi!"),
        Message("user", "A prank?\nWith a pen."),
    )
    assert [a.text for a in pair.answers] == ["No.\n\nSorry.", "Yes."]
    assert pair.pairs == ((0, 1, 2.0),)


def test_what_is_no_pair_of_answers_is_left_out(tmp_path: Path):
    """Dialogues that part earlier, the same answer twice, an empty one, and no answer."""
    file = packed(
        tmp_path,
        (f"{START}\n\nAssistant: No.", "\n\nHuman: Bye\n\nAssistant: No."),
        (f"{START}\n\nAssistant: No.", f"{START}\n\nAssistant: No. "),
        (f"{START}\n\nAssistant: No.", f"{START}\n\nAssistant:"),
        (f"{START}\n\nAssistant: No.\n\nHuman: Ok", f"{START}\n\nAssistant: No.\n\nHuman: Oh"),
    )
    assert read_pairs(file) == []
