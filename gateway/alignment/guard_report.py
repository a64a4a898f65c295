"""The figures of a guard model as `winnow policy eval` gives them: `evaluation.json`."""

import csv
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from gateway.alignment.guard_card import guards, read_card
from gateway.alignment.guard_data import HEADS, Head, LabelledText
from gateway.alignment.guard_evaluation import Figures, figures_by_head, scored
from gateway.alignment.guard_sources import held_out
from gateway.errors import ConfigurationError

Report = Callable[[str, int, int], None]
EVALUATION_FILE = "evaluation.json"
_GOOD_ANSWER = 6  # of the rubric of preferences.jsonl


@dataclass(frozen=True, slots=True)
class Sources:
    """What is measured beside the held-out rows; each may be missing.

    `honest` are files of texts of which none should be found: a CSV with the column `text`, or
    rated conversations as JSON lines (their users' messages, and their good answers).
    `functions` is a CSV of HateCheck's form; `packages` the folder of `guard_sources`.
    """

    honest: tuple[Path, ...] = ()
    functions: Path | None = None
    packages: Path | None = None


@dataclass(frozen=True, slots=True)
class Shares:
    """The share of some texts that each head finds, and that any of them does."""

    texts: int
    found: Mapping[Head, float]
    any: float


@dataclass(frozen=True, slots=True)
class GuardReport:
    """`heads` are of the held-out rows, `parts` of collections of texts by their name."""

    model: str
    thresholds: Mapping[Head, float]
    heads: Mapping[Head, Figures]
    parts: Mapping[str, Shares]


async def report(
    folder: Path, rows: Sequence[LabelledText], sources: Sources, told: Report
) -> GuardReport:
    """Measure the model in a folder.

    Raises:
        ConfigurationError: the folder holds no model, or a file can't be read.
    """
    card = read_card(folder)
    found = await scored(guards(folder), [r.text for r in rows], lambda i, n: told("test", i, n))
    heads = figures_by_head(rows, found, card.thresholds)
    parts: dict[str, Shares] = {}
    for name, texts in _collections(sources):
        scores = await scored(guards(folder), texts, lambda i, n, name=name: told(name, i, n))
        hits = scores.found(card.thresholds)
        shares: dict[Head, float] = {head: float(hits[:, j].mean()) for j, head in enumerate(HEADS)}
        parts[name] = Shares(len(texts), shares, float(hits.any(axis=1).mean()))
    return GuardReport(card.name, card.thresholds, heads, parts)


def write_report(folder: Path, found: GuardReport) -> None:
    content = TypeAdapter(GuardReport).dump_json(found, indent=2)
    (folder / EVALUATION_FILE).write_bytes(content + b"\n")


def _collections(sources: Sources) -> Iterator[tuple[str, Sequence[str]]]:
    for file in sources.honest:
        yield from _honest(file)
    if sources.functions is not None:
        functions: defaultdict[str, list[str]] = defaultdict(list)
        for row in _table(sources.functions, ("functionality", "label_gold", "test_case")):
            functions[f"{row['functionality']} ({row['label_gold']})"].append(row["test_case"])
        yield from sorted(functions.items())
    if sources.packages is not None:
        for name, (_, texts) in held_out(sources.packages).items():
            yield name, texts


def texts_of(file: Path) -> Sequence[str]:
    """The texts of a CSV with the column `text`, or `test_case`.

    Raises:
        ConfigurationError: it has neither.
    """
    rows = _table(file, ())
    column = next((name for name in ("text", "test_case") if rows and name in rows[0]), "text")
    return [row[column] for row in _table(file, (column,))]


def _honest(file: Path) -> Iterator[tuple[str, Sequence[str]]]:
    if file.suffix == ".csv":
        yield file.name, texts_of(file)
        return
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    turns = [m["content"] for r in lines for m in r["messages"] if m["role"] == "user"]
    yield f"{file.name}, prompts", turns
    answers = [c["text"] for r in lines for c in r["candidates"] if c["score"] >= _GOOD_ANSWER]
    yield f"{file.name}, good answers", answers


def _table(file: Path, columns: Sequence[str]) -> Sequence[Mapping[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    missing = set(columns) - set(rows[0] if rows else ())
    if missing:
        raise ConfigurationError(f"{file}: no column {min(missing)!r}")
    return rows
