"""Claims about the sentences of our own."""

from pathlib import Path

import pytest

from gateway.alignment.guard_data import HEADS
from gateway.alignment.guard_sentences import Sentences, read_sentences, sentence_rows
from gateway.errors import ConfigurationError

SMALL = """
fillers:
  thing: [parcel, order, card]
sets:
  - {name: asking, labels: {bias: 0}, draw: 5}
templates:
  asking: ["Where is my {thing} and my {thing}?", "Hello."]
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "sentences.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_template_is_filled_with_different_fillers(tmp_path: Path):
    """Two gaps of one name never get the same one."""
    rows = list(sentence_rows(read_sentences(written(tmp_path, SMALL))))
    asked = [r.text.lower() for r in rows if "my" in r.text]
    assert len(asked) > 1
    for text in asked:
        assert "{" not in text
        assert "parcel and my parcel" not in text


def test_rows_are_the_same_in_every_run(tmp_path: Path):
    """And others with another seed."""
    sentences = read_sentences(written(tmp_path, SMALL))
    assert list(sentence_rows(sentences)) == list(sentence_rows(sentences))
    assert list(sentence_rows(sentences)) != list(sentence_rows(sentences, seed=1))


def test_the_fillings_of_a_template_are_one_family(tmp_path: Path):
    """So that none is measured by a model that learnt another."""
    rows = list(sentence_rows(read_sentences(written(tmp_path, SMALL))))
    assert {r.family for r in rows} == {"asking/0", "asking/1"}
    assert {r.source for r in rows} == {"sentences/asking"}


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("{thing}?", "{person}?", "person"),
        ("asking:", "begging:", "asking|begging"),
        ("draw: 5", "drawn: 5", "draw"),
        ("bias: 0", "rudeness: 0", "rudeness"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, old: str, new: str, named: str):
    """A filler, set or key that is not there."""
    with pytest.raises(ConfigurationError, match=named):
        read_sentences(written(tmp_path, SMALL.replace(old, new)))


def test_the_shipped_sentences_cover_every_head_both_ways():
    """And every kind has a template at least."""
    sentences: Sentences = read_sentences()
    assert all(sentences.templates[s.name] for s in sentences.sets)
    rows = list(sentence_rows(sentences))
    for head in HEADS:
        assert {r.labels[head] for r in rows if head in r.labels} == {0, 1}
