"""Writes what the ledger knows as a dataset that TRL's trainers read unchanged.

The rules by which answers become examples stand in `pairs`, their columns in `rows`. An export
is a folder: `train.jsonl` and `test.jsonl` (a conversation is in one of them only),
`lineage.jsonl` (where each row comes from), a dataset card and a manifest. The same ledger
gives the same bytes.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import gateway
from gateway.alignment.card import dataset_card
from gateway.alignment.dataset import Dataset
from gateway.alignment.manifest import ExportOptions, Kind, Manifest
from gateway.alignment.pairs import (
    best_answers,
    labelled_answers,
    labelled_pairs,
    reward_pairs,
)
from gateway.alignment.rows import Example, row
from gateway.errors import ConfigurationError
from gateway.ledger.database import database_path
from gateway.ledger.feedback import current_feedback
from gateway.ledger.history import ALL, WITH_FEEDBACK, open_history
from gateway.types import Exchange, FeedbackEvent

Report = Callable[[int, int], None]
"""Told `(exchanges read, exchanges in all)` after each exchange."""

_DEFAULTS = ExportOptions()
_BUCKETS = 2**32


def export(
    kind: Kind, ledger_url: str, out: Path, report: Report, options: ExportOptions = _DEFAULTS
) -> Manifest:
    """Write a dataset into the folder `out`, in place of an export already there.

    An export without a row has a card and a manifest; `Manifest.advice` says why it is empty.

    Raises:
        ConfigurationError: the ledger or the folder cannot be used, or the folder has files of
            these names that are no export.
        LedgerUnavailable: the ledger is locked by another process.
    """
    if kind not in get_args(Kind):
        raise ConfigurationError(f"no export {kind!r}: there are {', '.join(get_args(Kind))}")
    try:
        return _export(kind, ledger_url, out, report, options)
    except OSError as error:
        raise ConfigurationError(f"{out}: {error.strerror or error}") from error


def _export(
    kind: Kind, ledger_url: str, out: Path, report: Report, options: ExportOptions
) -> Manifest:
    read = 0
    which = ALL if options.reward_only else WITH_FEEDBACK
    with open_history(ledger_url, which) as history, Dataset(out) as dataset:
        in_all = len(history)
        for exchange, events in history:
            split = _split(exchange.conversation_id, options.test_fraction)
            for example in _examples(kind, exchange, current_feedback(events), options):
                dataset.add(split, row(kind, example, options), example)
            read += 1
            report(read, in_all)
        manifest = Manifest(
            kind=kind,
            winnow_version=gateway.__version__,
            ledger=database_path(ledger_url).name,
            options=options,
            exchanges_read=read,
            duplicates_left_out=dataset.duplicates,
            rows=dataset.rows,
            label_sources=dict(sorted(dataset.label_sources.items())),
            labels=dict(sorted(dataset.labels.items())),
            files=dataset.files,
        )
        as_json = json.dumps(asdict(manifest), indent=2, ensure_ascii=False) + "\n"
        dataset.put_in_place(dataset_card(manifest), as_json)
    return manifest


def _split(conversation_id: str, test_fraction: float) -> str:
    bucket = int(hashlib.sha256(conversation_id.encode()).hexdigest()[:8], 16)
    return "test" if bucket < test_fraction * _BUCKETS else "train"


def _examples(
    kind: Kind, exchange: Exchange, feedback: Sequence[FeedbackEvent], options: ExportOptions
) -> Iterator[Example]:
    """What people said of an exchange; where nobody did, what the rewards say, if asked for."""
    of_pairs = kind in ("dpo", "reward")
    if feedback and of_pairs:
        yield from labelled_pairs(exchange, feedback)
    elif feedback:
        for answer in labelled_answers(exchange, feedback):
            if answer.good or kind == "kto":
                yield answer
    elif options.reward_only and of_pairs:
        yield from reward_pairs(exchange)
    elif options.reward_only and kind == "sft":  # for KTO, a best answer is not yet a good one
        yield from best_answers(exchange)
