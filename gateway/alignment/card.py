"""The dataset card: the README.md of an export, in the form that model hubs read."""

from gateway.alignment.manifest import Manifest

_COLUMNS = {
    "sft": "`messages`: the conversation, with a good answer as its last turn.",
    "dpo": "`prompt`, `chosen`, `rejected`: lists of messages.",
    "reward": "`prompt`, `chosen`, `rejected`: lists of messages.",
    "kto": "`prompt`, `completion`: lists of messages; `label`: whether the answer is good.",
}
_TRAINERS = {
    "sft": "SFTTrainer",
    "dpo": "DPOTrainer",
    "reward": "RewardTrainer",
    "kto": "KTOTrainer",
}


def dataset_card(manifest: Manifest) -> str:
    """The card of an export."""
    system = "stands first" if manifest.options.operator_prompt else "is left out"
    return f"""---
configs:
- config_name: default
  data_files:{_splits(manifest)}
tags: [winnow, {manifest.kind}, trl]
---

# {manifest.kind.upper()} data of a Winnow gateway

Made by Winnow {manifest.winnow_version} from {manifest.exchanges_read} exchanges of the ledger
`{manifest.ledger}`, for TRL's `{_TRAINERS[manifest.kind]}`.

| what | rows |
| --- | --- |
{_table(manifest)}

## Columns
- {_COLUMNS[manifest.kind]} The operator's prompt {system}.
- `label_source`: whose word the row rests on: `correction` (someone wrote a better answer),
  `reviewer`, `thumbs` (customers), or `reward` (nobody judged it: the reward model's order).
- `id`: names the row in `lineage.jsonl`, which has the exchange, the feedback events and, for
  pairs, the difference of raw rewards.

## What was left out
Answers that a policy blocked, and the votes on what was shown in their place; candidates that
failed or were stopped early; exchanges whose customer withheld consent; duplicates
({manifest.duplicates_left_out}). A conversation is in one split only.

The rows are what customers wrote and were answered: treat them as personal data.
"""


def _splits(manifest: Manifest) -> str:
    """The splits that have rows, as YAML."""
    splits = [split for split, count in manifest.rows.items() if count]
    return "".join(f"\n  - split: {s}\n    path: {s}.jsonl" for s in splits) or " []"


def _table(manifest: Manifest) -> str:
    counts = {**manifest.rows, **manifest.label_sources, **manifest.labels}
    return "\n".join(f"| {name} | {count} |" for name, count in counts.items())
