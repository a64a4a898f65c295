"""The small network that the guard models share: one encoder, several heads, run with ONNX Runtime.

Its folder holds `model.onnx`, `tokenizer.json` and `card.json`; `winnow policy train` writes such a
folder, and the shipped one is `policies/weights/`. Whoever names the same folder shares the same
network: a text that three policies ask about is read once, and a text that was asked about a moment
ago not again.

A text is read in windows that overlap (`policies/network.py`), one at a time. Texts with
little left to read come first, so that nobody's long texts hold up the short ones of others.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass as plain_dataclass
from functools import lru_cache
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Self

from pydantic import TypeAdapter

from policies.network import (
    CARD_FILE,
    MODEL_FILE,
    TOKENIZER_FILE,
    Card,
    Network,
    Parts,
    Window,
)

SHIPPED_WEIGHTS = Path(__file__).parent / "weights"

# What is kept of a text that was read is a hash and a few numbers.
_REMEMBERED = 4096
# Windows that may wait in all: nine seconds of work. A text of no more windows than `_SHORT` is
# read all the same.
_MOST_WAITING = 2000
_SHORT = 4
# Of so many windows one is that of the text which has waited longest, however long it is.
_OLDEST_EVERY = 4
_CHARACTERS_EXPECTED = 4  # to a token, as long as nobody has counted


class TooMuchToReadError(RuntimeError):
    """So many long texts wait that one more is turned away."""


@plain_dataclass(frozen=True, slots=True)
class ReadText:
    """The windows of a text in their order, and where the text begins that was not read.

    `unread` is None when all of it was read: with the shipped card, up to 12,304 tokens, some
    55,000 characters of English.
    """

    windows: tuple[Window, ...]
    unread: int | None = None


def shared_encoder(path: Path) -> "Encoder":
    """The encoder in a folder: the same one for everybody, for as long as its card is the same.

    Raises:
        ValueError: the folder does not hold a network with its card.
    """
    files = [path / name for name in (MODEL_FILE, TOKENIZER_FILE, CARD_FILE)]
    for file in files:
        if not file.is_file():
            raise ValueError(f"no guard model in {str(path)!r}: no {file.name!r}")
    return _encoder(path.resolve(), files[-1].read_bytes())


@lru_cache(maxsize=8)
def _encoder(path: Path, card: bytes) -> "Encoder":
    return Encoder(path, card)


class Encoder:
    """Reads texts in a thread of its own, one window of one text at a time.

    The text with the fewest windows left is read on; every fourth window is the one of the text
    that has waited longest. It is open while it has users (`async with`, each in its own event loop
    if need be) and closed when the last one leaves. Asked without any, it opens by itself. A text
    whose every asker went away is read no further.
    """

    def __init__(self, path: Path, card: bytes) -> None:
        self.card = TypeAdapter(Card).validate_json(card)
        self.digest = hashlib.sha256(card).hexdigest()
        self._path = path
        self._lock = Lock()
        self._users = 0
        self._worker: _Worker | None = None
        self._jobs: dict[bytes, _Job] = {}
        self._recent: OrderedDict[bytes, ReadText] = OrderedDict()

    async def __aenter__(self) -> Self:
        with self._lock:
            self._users += 1
            worker = self._open()
            loaded = worker.thread.submit(worker.network)
        try:
            await asyncio.shield(asyncio.wrap_future(loaded))
        except BaseException:
            self._leave()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._leave()

    async def read(self, text: str, parts: Parts | None = None) -> ReadText:
        """The windows of a text, or those that touch one of its parts.

        The same text gives the same numbers, to the last bit.

        Raises:
            ValueError: the files are not those that the card names.
            TooMuchToReadError: 2,000 windows wait already, and this text has more than four.
        """
        key = _key(text, parts)
        with self._lock:
            if (known := self._recent.get(key)) is not None:
                self._recent.move_to_end(key)
                return known
            job = self._jobs.get(key)
            if job is None:
                job = self._admitted(_Job(key, text, parts, self.card))
            job.askers += 1
        try:
            return await asyncio.shield(asyncio.wrap_future(job.result))
        finally:
            self._left(job)

    def _open(self) -> "_Worker":
        if self._worker is None:
            self._worker = _Worker(self._path, self.card)
        return self._worker

    def _admitted(self, job: "_Job") -> "_Job":
        waiting = sum(other.remaining for other in self._jobs.values())
        if job.remaining > _SHORT and waiting + job.remaining > _MOST_WAITING:
            raise TooMuchToReadError(f"the guard model has {waiting} windows to read already")
        self._jobs[job.key] = job
        worker = self._open()
        if not worker.reading:
            worker.reading = True
            worker.thread.submit(self._go_on, worker)
        return job

    def _go_on(self, worker: "_Worker") -> None:
        """Read one more window, of the text whose turn it is."""
        job = self._next(worker)
        if job is None:
            return
        try:
            done = job.read_window(worker.network())
        except Exception as error:  # noqa: BLE001 - whatever it was, the askers have to be told
            self._end(job, error)
        else:
            if done is not None:
                self._end(job, done)
        with self._lock:
            if self._worker is worker:
                worker.thread.submit(self._go_on, worker)

    def _next(self, worker: "_Worker") -> "_Job | None":
        with self._lock:
            if self._worker is not worker or not self._jobs:
                worker.reading = False
                return None
            if next(worker.turns) % _OLDEST_EVERY == 0:
                return next(iter(self._jobs.values()))
            return min(self._jobs.values(), key=lambda job: job.remaining)

    def _end(self, job: "_Job", outcome: ReadText | Exception) -> None:
        with self._lock:
            if self._jobs.get(job.key) is job:
                del self._jobs[job.key]
            if isinstance(outcome, ReadText):
                self._recent[job.key] = outcome
                if len(self._recent) > _REMEMBERED:
                    self._recent.popitem(last=False)
        with suppress(InvalidStateError):  # the last asker left at this moment
            if isinstance(outcome, ReadText):
                job.result.set_result(outcome)
            else:
                job.result.set_exception(outcome)

    def _left(self, job: "_Job") -> None:
        with self._lock:
            job.askers -= 1
            if job.askers or job.result.done():
                return
            job.result.cancel()
            if self._jobs.get(job.key) is job:
                del self._jobs[job.key]

    def _leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users:
                return
            worker, self._worker = self._worker, None
            jobs = list(self._jobs.values())
            self._jobs.clear()
            self._recent.clear()
        for job in jobs:
            self._end(job, RuntimeError("the guard model was closed"))
        if worker is not None:
            worker.thread.shutdown(wait=False, cancel_futures=True)


class _Worker:
    """The thread that texts are read in, and the network, which is loaded there when first used."""

    def __init__(self, path: Path, card: Card) -> None:
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="guard-encoder")
        self.reading = False
        self.turns = count(1)
        self._path = path
        self._card = card
        self._network: Network | None = None

    def network(self) -> "Network":
        if self._network is None:
            self._network = Network(self._path, self._card)
        return self._network


class _Job:
    """A text that is being read, how many wait for it, and how many windows are left.

    As long as nobody has counted, `remaining` is what English takes.
    """

    def __init__(self, key: bytes, text: str, parts: Parts | None, card: Card) -> None:
        self.key = key
        self.askers = 0
        self.result: Future[ReadText] = Future()
        whole = 1 + len(text) // (card.stride * _CHARACTERS_EXPECTED)
        touched = whole if parts is None else _expected(parts, card)
        self.remaining = min(whole, touched, card.most_windows)
        self._text = text
        self._parts = parts
        self._windows: Iterator[Window] | None = None
        self._read: list[Window] = []
        self._unread: int | None = None

    def read_window(self, network: "Network") -> ReadText | None:
        """The whole text when there is no window left. At first the windows are only counted."""
        if self._windows is None:
            tokens = network.tokens(self._text)
            starts = network.starts(tokens, self._parts)
            self._windows, self._unread = network.read(tokens, starts), tokens.unread
            self.remaining = len(starts)
            return None
        window = next(self._windows, None)
        if window is not None:
            self._read.append(window)
            self.remaining -= 1
        return None if self.remaining > 0 else ReadText(tuple(self._read), self._unread)


def _key(text: str, parts: Parts | None) -> bytes:
    said = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16)
    said.update(repr(parts and tuple(parts)).encode())
    return said.digest()


def _expected(parts: Parts, card: Card) -> int:
    return sum(1 + (end - start) // (card.stride * _CHARACTERS_EXPECTED) for start, end in parts)
