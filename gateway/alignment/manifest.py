"""What an export was asked for, and what it came to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gateway.errors import ConfigurationError

Kind = Literal["sft", "dpo", "kto", "reward"]


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What goes into an export.

    `test_fraction` of the conversations go to `test.jsonl`. `reward_only` adds rows that no
    person judged, labelled "reward". `operator_prompt` puts the operator's prompt first, as the
    system message under which the answers were given.
    """

    test_fraction: float = 0.1
    reward_only: bool = False
    operator_prompt: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.test_fraction < 1:
            raise ConfigurationError(
                f"the test fraction is at least 0 and less than 1, not {self.test_fraction}"
            )


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file of an export: its rows, and the sha256 of its bytes."""

    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an export holds, and what it was made from.

    `rows` counts by split, `label_sources` and `labels` (KTO: good and bad) over both.
    A split without rows has no file.
    """

    kind: Kind
    winnow_version: str
    ledger: str
    options: ExportOptions
    exchanges_read: int
    duplicates_left_out: int
    rows: Mapping[str, int]
    label_sources: Mapping[str, int]
    labels: Mapping[str, int]
    files: Mapping[str, ExportedFile]

    @property
    def advice(self) -> str | None:
        """What to tell whoever ran an export that cannot be trained on; None for a good one."""
        if self.rows["train"]:
            return None
        if self.rows["test"]:
            return "All rows fell to test.jsonl: export again with a test fraction of 0."
        if not self.exchanges_read:
            return "Nothing was exported: no exchange in the ledger has feedback yet."
        return (
            f"Nothing was exported: {self.exchanges_read} exchanges were read, and none makes"
            f" a row for {self.kind}."
        )
