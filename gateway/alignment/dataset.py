"""The files of an export, written beside their names and put in place when all are whole."""

import hashlib
import json
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.alignment.manifest import ExportedFile
from gateway.alignment.pairs import LabelledAnswer
from gateway.alignment.rows import Example, Row, lineage
from gateway.errors import ConfigurationError

SPLITS = ("train", "test")
MANIFEST = "manifest.json"
_FILES = ("train.jsonl", "test.jsonl", "lineage.jsonl", "README.md", MANIFEST)


class Dataset:
    """Rows on their way to a folder: counted, hashed, duplicates left out; a context manager.

    Raises:
        ConfigurationError: the folder has files of these names that are no export.
        OSError: from any method, the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        _refuse_strangers(folder)
        self._folder = folder
        self._splits = {split: _JsonLines(folder, f"{split}.jsonl") for split in SPLITS}
        self._lineage = _JsonLines(folder, "lineage.jsonl")
        self._seen: set[bytes] = set()
        self.duplicates = 0
        self.label_sources: Counter[str] = Counter()
        self.labels: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()
        for name in _FILES:
            _partial(self._folder, name).unlink(missing_ok=True)

    @property
    def rows(self) -> dict[str, int]:
        return {split: file.rows for split, file in self._splits.items()}

    @property
    def files(self) -> dict[str, ExportedFile]:
        files = (*self._splits.values(), self._lineage)
        return {file.name: file.summary for file in files if file.rows}

    def add(self, split: str, row: Row, example: Example) -> None:
        """Write a row and its lineage, unless the same row is there already."""
        digest = hashlib.sha256(_json(row).encode()).digest()[:16]
        if digest in self._seen:
            self.duplicates += 1
            return
        self._seen.add(digest)
        origin = {"id": digest.hex()[:16], "label_source": example.label_source}
        self._splits[split].write({**row, **origin, "split": split})
        self._lineage.write({**origin, "split": split, **lineage(example)})
        self.label_sources[example.label_source] += 1
        if isinstance(example, LabelledAnswer):
            self.labels["good" if example.good else "bad"] += 1

    def put_in_place(self, card: str, manifest: str) -> None:
        """Replace the folder's export by this one; its manifest comes last.

        A split without rows gets no file: an empty one cannot be read.
        """
        self._close()
        _partial(self._folder, "README.md").write_text(card, encoding="utf-8")
        _partial(self._folder, MANIFEST).write_text(manifest, encoding="utf-8")
        (self._folder / MANIFEST).unlink(missing_ok=True)
        for name in _FILES:
            partial = _partial(self._folder, name)
            if partial.stat().st_size:
                partial.replace(self._folder / name)
            else:
                partial.unlink()
                (self._folder / name).unlink(missing_ok=True)

    def _close(self) -> None:
        for file in (*self._splits.values(), self._lineage):
            file.close()


class _JsonLines:
    """One file of rows, counted and hashed as it is written."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.rows = 0
        self._hash = hashlib.sha256()
        self._file = _partial(folder, name).open("wb")

    def write(self, row: Row) -> None:
        line = f"{_json(row)}\n".encode()
        self._file.write(line)
        self._hash.update(line)
        self.rows += 1

    def close(self) -> None:
        self._file.close()

    @property
    def summary(self) -> ExportedFile:
        return ExportedFile(self.rows, self._hash.hexdigest())


def _json(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False)


def _partial(folder: Path, name: str) -> Path:
    return folder / f".{name}.partial"


def _refuse_strangers(folder: Path) -> None:
    """Leave files alone that an export would replace and that are not one."""
    found = [name for name in _FILES if (folder / name).exists()]
    if found and MANIFEST not in found:
        raise ConfigurationError(
            f"{folder / found[0]} is not part of an export: choose another folder"
        )
