"""Exports: the files, and what stands in them."""

import asyncio
import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.alignment.export import export
from gateway.alignment.manifest import ExportOptions, Kind, Manifest
from gateway.errors import ConfigurationError
from gateway.ledger.schema import upgrade
from gateway.ledger.sql import SqlLedger
from gateway.types import Conversation, Exchange, FeedbackEvent, Message
from tests.gateway.ledger.exchanges import exchange, request, vote

ALL_TO_TRAIN = ExportOptions(test_fraction=0)
PROMPT = [
    {"role": "system", "content": "You answer for a courier service."},
    {"role": "user", "content": "Where is my parcel number 0?"},
]
SHOWN = [{"role": "assistant", "content": "It arrives tomorrow; order 0."}]
SIBLING = [{"role": "assistant", "content": "It may be on its way."}]


def _ledger(folder: Path, *records: tuple[Exchange, FeedbackEvent | None]) -> str:
    url = f"sqlite:///{folder}/winnow.db"
    upgrade(url)
    asyncio.run(_fill(url, records))
    return url


async def _fill(url: str, records: tuple[tuple[Exchange, FeedbackEvent | None], ...]) -> None:
    async with SqlLedger(url) as ledger:
        await asyncio.gather(*(ledger.record(about) for about, _ in records))
        await asyncio.gather(*(ledger.add_feedback(e) for _, e in records if e is not None))


def _voted(count: int) -> list[tuple[Exchange, FeedbackEvent | None]]:
    numbered = [exchange(n) for n in range(count)]
    return [(about, vote(about, rating=-1 if n % 2 else 1)) for n, about in enumerate(numbered)]


def _unseen(read: int, in_all: int) -> None:
    assert 0 < read <= in_all


def _run(kind: Kind, url: str, out: Path, options: ExportOptions = ALL_TO_TRAIN) -> Manifest:
    return export(kind, url, out, _unseen, options)


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def _columns(path: Path) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in row.items() if name not in ("id", "label_source", "split")}
        for row in _rows(path)
    ]


@pytest.mark.parametrize(
    ("kind", "said", "row"),
    [
        ("sft", 1, {"messages": PROMPT + SHOWN}),
        ("kto", -1, {"prompt": PROMPT, "completion": SHOWN, "label": False}),
        ("kto", 1, {"prompt": PROMPT, "completion": SHOWN, "label": True}),
        ("dpo", -1, {"prompt": PROMPT, "chosen": SIBLING, "rejected": SHOWN}),
        ("reward", -1, {"prompt": PROMPT, "chosen": SIBLING, "rejected": SHOWN}),
    ],
)
def test_a_vote_becomes_a_row_with_trls_columns(
    kind: Kind, said: int, row: dict[str, Any], tmp_path: Path
) -> None:
    """The conversation as the model had it, operator's prompt first."""
    about = exchange()
    url = _ledger(tmp_path, (about, vote(about, rating=said)))
    manifest = _run(kind, url, tmp_path / "out")
    assert _columns(tmp_path / "out/train.jsonl") == [row]
    assert manifest.rows == {"train": 1, "test": 0}
    assert manifest.label_sources == {"thumbs": 1}
    assert manifest.advice is None


def test_lineage_leads_from_each_row_to_its_events(tmp_path: Path) -> None:
    """By the row's id."""
    url = _ledger(tmp_path, *_voted(6))
    _run("dpo", url, tmp_path / "out")
    rows, lineage = _rows(tmp_path / "out/train.jsonl"), _rows(tmp_path / "out/lineage.jsonl")
    assert [row["id"] for row in rows] == [line["id"] for line in lineage]
    assert len({row["id"] for row in rows}) == 6
    assert lineage[1] == {
        "id": rows[1]["id"],
        "label_source": "thumbs",
        "split": "train",
        "exchange_id": "exchange-000001",
        "event_ids": ["event-exchange-000001"],
        "margin": -1.5,
    }


def test_the_same_ledger_gives_the_same_bytes(tmp_path: Path) -> None:
    """Whatever the order in which it was written; the manifest has the files' hashes."""
    records = _voted(30)
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    first = _ledger(tmp_path / "one", *records)
    second = _ledger(tmp_path / "two", *reversed(records))
    options = ExportOptions(test_fraction=0.3)
    manifest = _run("kto", first, tmp_path / "out-one", options)
    assert _run("kto", second, tmp_path / "out-two", options) == manifest
    names = {path.name for path in (tmp_path / "out-one").iterdir()}
    assert names == {"train.jsonl", "test.jsonl", "lineage.jsonl", "README.md", "manifest.json"}
    for name in names:
        content = (tmp_path / "out-one" / name).read_bytes()
        assert content == (tmp_path / "out-two" / name).read_bytes()
        if name in manifest.files:
            assert manifest.files[name].sha256 == hashlib.sha256(content).hexdigest()
            assert manifest.files[name].rows == content.count(b"\n")


def test_a_conversation_is_in_one_split_only(tmp_path: Path) -> None:
    """All turns of a session go the same way, and both ways are used."""
    records: list[tuple[Exchange, FeedbackEvent | None]] = []
    for about, event in _voted(60):
        session = f"session-{int(about.id[-6:]) // 3}"
        records.append((replace(about, request=replace(about.request, session_id=session)), event))
    url = _ledger(tmp_path, *records)
    manifest = _run("sft", url, tmp_path / "out", ExportOptions(test_fraction=0.3))
    of_exchange = {about.id: about.conversation_id for about, _ in records}
    sides: dict[str, set[str]] = {}
    for line in _rows(tmp_path / "out/lineage.jsonl"):
        sides.setdefault(of_exchange[line["exchange_id"]], set()).add(line["split"])
    assert all(len(side) == 1 for side in sides.values())
    assert manifest.rows["train"] > manifest.rows["test"] > 0


def test_the_card_names_the_files_that_there_are(tmp_path: Path) -> None:
    """Its front matter is what the datasets library reads."""
    url = _ledger(tmp_path, *_voted(2))
    _run("sft", url, tmp_path / "out")
    card = (tmp_path / "out/README.md").read_text(encoding="utf-8")
    assert yaml.safe_load(card.split("---")[1])["configs"] == [
        {"config_name": "default", "data_files": [{"split": "train", "path": "train.jsonl"}]}
    ]
    assert not (tmp_path / "out/test.jsonl").exists()


def test_rewards_alone_make_rows_only_when_asked_for(tmp_path: Path) -> None:
    """And never in place of what somebody said: an answer voted down stays bad."""
    unjudged, disliked = exchange(0), exchange(1)
    url = _ledger(tmp_path, (unjudged, None), (disliked, vote(disliked, rating=-1)))
    assert _run("sft", url, tmp_path / "without").rows["train"] == 0
    asked = ExportOptions(test_fraction=0, reward_only=True)
    assert _run("sft", url, tmp_path / "sft", asked).label_sources == {"reward": 1}
    assert _columns(tmp_path / "sft/train.jsonl") == [{"messages": PROMPT + SHOWN}]
    pairs = _run("dpo", url, tmp_path / "dpo", asked)
    assert pairs.label_sources == {"reward": 1, "thumbs": 1}
    assert _run("kto", url, tmp_path / "kto", asked).label_sources == {"thumbs": 1}


def test_the_operators_prompt_can_be_left_out(tmp_path: Path) -> None:
    """Client-sent system messages stay, joined into one."""
    asked = request()
    messages = (
        Message("system", "One."),
        *asked.conversation.messages,
        Message("developer", "Two."),
    )
    about = exchange(asked=replace(asked, conversation=Conversation(messages, "Operator.")))
    url = _ledger(tmp_path, (about, vote(about, rating=1)))
    _run("sft", url, tmp_path / "with")
    _run("sft", url, tmp_path / "out", ExportOptions(test_fraction=0, operator_prompt=False))
    first = [_columns(tmp_path / f"{name}/train.jsonl")[0]["messages"] for name in ("with", "out")]
    assert first[0][0] == {"role": "system", "content": "Operator.\n\nOne.\n\nTwo."}
    assert first[1][0] == {"role": "system", "content": "One.\n\nTwo."}
    assert [m["role"] for m in first[1]] == ["system", "user", "assistant"]


def test_duplicates_and_retracted_votes_are_left_out(tmp_path: Path) -> None:
    """The same row twice is one; what was taken back is none."""
    first, again, third = exchange(0), replace(exchange(0), id="exchange-000001"), exchange(2)
    url = _ledger(tmp_path, *((about, vote(about, rating=1)) for about in (first, again, third)))
    retraction = vote(third, id="r", retracts=f"event-{third.id}")
    asyncio.run(_add(url, retraction))
    manifest = _run("sft", url, tmp_path / "out")
    assert (manifest.rows["train"], manifest.duplicates_left_out) == (1, 1)


def test_a_comment_after_a_thumb_costs_no_row(tmp_path: Path) -> None:
    """The row rests on the thumb, and its lineage says so."""
    about = exchange()
    url = _ledger(tmp_path, (about, vote(about, id="thumb", rating=-1)))
    later = about.created_at + timedelta(hours=1)
    asyncio.run(_add(url, vote(about, id="words", created_at=later, comment="Not even close.")))
    for kind in ("dpo", "kto"):
        assert _run(kind, url, tmp_path / kind).label_sources == {"thumbs": 1}
        (origin,) = _rows(tmp_path / kind / "lineage.jsonl")
        assert origin["event_ids"] == ["thumb"]


def test_a_thumb_after_a_correction_leaves_the_correction(tmp_path: Path) -> None:
    """Each field keeps its last word, and a correction is the stronger one."""
    about = exchange()
    url = _ledger(tmp_path, (about, vote(about, id="better", correction="On Monday.")))
    later = about.created_at + timedelta(hours=1)
    asyncio.run(_add(url, vote(about, id="thumb", created_at=later, rating=-1)))
    assert _run("dpo", url, tmp_path / "out").label_sources == {"correction": 1}
    assert _rows(tmp_path / "out/lineage.jsonl")[0]["event_ids"] == ["better"]


async def _add(url: str, event: FeedbackEvent) -> None:
    async with SqlLedger(url) as ledger:
        await ledger.add_feedback(event)


def test_an_empty_export_says_why(tmp_path: Path) -> None:
    """It is no crash, and leaves no rows of an earlier export behind."""
    url = _ledger(tmp_path, (exchange(), None))
    empty = _run("dpo", url, tmp_path / "out")
    assert empty.advice == "Nothing was exported: no exchange in the ledger has feedback yet."
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["README.md", "manifest.json"]
    asyncio.run(_add(url, vote(exchange(), rating=1)))
    assert _run("dpo", url, tmp_path / "out").advice is None
    asyncio.run(_add(url, vote(exchange(), id="r", retracts="event-exchange-000000")))
    assert "none makes a row for dpo" in str(_run("dpo", url, tmp_path / "out").advice)
    assert not (tmp_path / "out/train.jsonl").exists()


def test_all_rows_in_the_test_split_are_pointed_out(tmp_path: Path) -> None:
    """As happens with few conversations."""
    url = _ledger(tmp_path, *_voted(1))
    manifest = _run("sft", url, tmp_path / "out", ExportOptions(test_fraction=0.9999999))
    assert manifest.rows == {"train": 0, "test": 1}
    assert "test fraction of 0" in str(manifest.advice)


def test_odd_text_is_written_as_utf8(tmp_path: Path) -> None:
    """A lone surrogate, which UTF-8 has not, becomes U+FFFD; line separators split no row."""
    about = exchange(asked=request("Where\u2028is \ud800 it?"))
    url = _ledger(tmp_path, (about, vote(about, rating=1)))
    _run("sft", url, tmp_path / "out")
    (row,) = _columns(tmp_path / "out/train.jsonl")
    assert row["messages"][1]["content"] == "Where\u2028is \ufffd it?"


def test_other_peoples_files_are_left_alone(tmp_path: Path) -> None:
    """A folder with a train.jsonl that is no export is refused."""
    url = _ledger(tmp_path, *_voted(1))
    out = tmp_path / "out"
    out.mkdir()
    (out / "train.jsonl").write_text("mine")
    with pytest.raises(ConfigurationError, match=r"train\.jsonl is not part of an export"):
        _run("sft", url, out)
    assert (out / "train.jsonl").read_text() == "mine"


def test_what_cannot_be_exported_is_named(tmp_path: Path) -> None:
    """No ledger there, a file in the folder's place, an unknown kind, a fraction too large."""
    with pytest.raises(ConfigurationError, match="there is no ledger"):
        _run("sft", f"sqlite:///{tmp_path}/winnow.db", tmp_path / "out")
    url = _ledger(tmp_path, *_voted(1))
    with pytest.raises(ConfigurationError, match=r"winnow\.db"):
        _run("sft", url, tmp_path / "winnow.db")
    with pytest.raises(ConfigurationError, match="'ppo'"):
        _run("ppo", url, tmp_path / "out")  # pyright: ignore[reportArgumentType]  # the point
    with pytest.raises(ConfigurationError, match=r"not 1\.5"):
        ExportOptions(test_fraction=1.5)


def test_progress_is_told_after_each_exchange(tmp_path: Path) -> None:
    """For the progress bar of the command."""
    told: list[tuple[int, int]] = []
    export(
        "sft",
        _ledger(tmp_path, *_voted(3)),
        tmp_path / "out",
        lambda read, in_all: told.append((read, in_all)),
    )
    assert told == [(1, 3), (2, 3), (3, 3)]
