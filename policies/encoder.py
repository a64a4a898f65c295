"""The small network that the guard models share: one encoder, several heads, run with ONNX Runtime.

Its folder holds `model.onnx`, `tokenizer.json` and `card.json`; `winnow policy train` writes such a
folder, and the shipped one is `policies/weights/`. Whoever names the same folder shares the same
network: a text that three policies ask about is read once, and a text that was asked about a moment
ago not again.

A text is read in windows that overlap, one at a time: activations are quantised by the largest
value of a batch, so that among batch mates a window's score would depend on the others.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass as plain_dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, Self

import numpy as np
import onnxruntime as ort  # pyright: ignore[reportMissingTypeStubs]  it has none
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass
from tokenizers import Tokenizer

MODEL_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"
CARD_FILE = "card.json"
SHIPPED_WEIGHTS = Path(__file__).parent / "weights"

# What is kept of a text that was read is a hash and a few numbers.
_REMEMBERED = 4096
# A word of letters is at most 100 of them for the tokenizer, and English has 4.5 to a token. More
# text than this to a token is beyond any window that could still be read.
_CHARACTERS_PER_TOKEN = 64


@dataclass(frozen=True, config=ConfigDict(extra="ignore"))
class Head:
    """What a head's logit means: P(yes) = sigmoid(slope * logit + intercept)."""

    slope: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    intercept: Annotated[float, Field(allow_inf_nan=False)]
    threshold: Annotated[float, Field(gt=0, lt=1)]


@dataclass(frozen=True, config=ConfigDict(extra="ignore"))
class Card:
    """What serving needs to know of a network. The file says more, for people.

    `heads` are in the order of the network's outputs. A window is `max_tokens` long, two of them
    special; the next one begins `stride` tokens further on. Of one text `most_windows` are read.
    """

    name: str
    heads: Mapping[str, Head]
    sha256: Mapping[str, str]
    max_tokens: Annotated[int, Field(ge=16, le=512)]
    stride: Annotated[int, Field(ge=8)]
    most_windows: Annotated[int, Field(ge=1)]


@plain_dataclass(frozen=True, slots=True)
class Window:
    """A part of a text, `text[start:end]`, and the probability that each head gives it."""

    start: int
    end: int
    probabilities: Mapping[str, float]


@plain_dataclass(frozen=True, slots=True)
class ReadText:
    """The windows of a text in their order, and where the text begins that was not read.

    `unread` is None when all of it was read: with the shipped card, up to 12,304 tokens, some
    55,000 characters of English.
    """

    windows: tuple[Window, ...]
    unread: int | None = None


def load_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer of a network. It reads a "[SEP]" that somebody typed as plain text."""
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = True
    return tokenizer


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
    """Reads texts in a thread of its own, one window of one text at a time, in turns.

    It is open while it has users (`async with`, each in its own event loop if need be) and closed
    when the last one leaves. Asked without any, it opens by itself. A text whose every asker went
    away is read no further.
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

    async def read(self, text: str) -> ReadText:
        """The windows of a text. The same text gives the same numbers, to the last bit.

        Raises:
            ValueError: the files are not those that the card names.
        """
        key = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        with self._lock:
            if (known := self._recent.get(key)) is not None:
                self._recent.move_to_end(key)
                return known
            job = self._jobs.get(key)
            if job is None:
                job = self._jobs[key] = _Job(key, text)
                worker = self._open()
                worker.thread.submit(self._go_on, job, worker)
            job.askers += 1
        try:
            return await asyncio.shield(asyncio.wrap_future(job.result))
        finally:
            self._left(job)

    def _open(self) -> "_Worker":
        if self._worker is None:
            self._worker = _Worker(self._path, self.card)
        return self._worker

    def _go_on(self, job: "_Job", worker: "_Worker") -> None:
        """Read one more window; then it is the next text's turn."""
        if job.result.cancelled():
            return
        try:
            done = job.read_window(worker.network())
        except Exception as error:  # noqa: BLE001 - whatever it was, the askers have to be told
            self._end(job, error)
            return
        if done is not None:
            self._end(job, done)
            return
        with self._lock:
            if self._jobs.get(job.key) is job:
                worker.thread.submit(self._go_on, job, worker)

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
        self._path = path
        self._card = card
        self._network: _Network | None = None

    def network(self) -> "_Network":
        if self._network is None:
            self._network = _Network(self._path, self._card)
        return self._network


class _Job:
    """A text that is being read, and how many wait for it."""

    def __init__(self, key: bytes, text: str) -> None:
        self.key = key
        self.askers = 0
        self.result: Future[ReadText] = Future()
        self._text = text
        self._windows: Iterator[Window] | None = None
        self._read: list[Window] = []
        self._unread: int | None = None

    def read_window(self, network: "_Network") -> ReadText | None:
        """The whole text when there is no window left."""
        if self._windows is None:
            self._windows, self._unread = network.windows(self._text)
        window = next(self._windows, None)
        if window is None:
            return ReadText(tuple(self._read), self._unread)
        self._read.append(window)
        return None


class _Network:
    """The session and its tokenizer: they live in the worker's thread alone."""

    def __init__(self, path: Path, card: Card) -> None:
        model = _verified(path / MODEL_FILE, card)
        _verified(path / TOKENIZER_FILE, card)
        options = ort.SessionOptions()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session: Any = ort.InferenceSession(
            model,
            options,  # pyright: ignore[reportUnknownArgumentType]
            providers=["CPUExecutionProvider"],
        )
        self._tokenizer = load_tokenizer(path / TOKENIZER_FILE)
        self._first = self._tokenizer.token_to_id("[CLS]")
        self._last = self._tokenizer.token_to_id("[SEP]")
        self._card = card
        self._slopes = np.array([h.slope for h in card.heads.values()])
        self._intercepts = np.array([h.intercept for h in card.heads.values()])

    def windows(self, text: str) -> tuple[Iterator[Window], int | None]:
        """The windows, read as they are asked for, and where the text begins that is in none."""
        card = self._card
        room = card.max_tokens - 2
        most = room + (card.most_windows - 1) * card.stride
        part = text[: most * _CHARACTERS_PER_TOKEN]
        tokens = self._tokenizer.encode(
            part.encode("utf-8", "replace").decode(), add_special_tokens=False
        )
        ids, offsets = tokens.ids[:most], tokens.offsets[:most]
        starts = range(0, max(1, len(ids) - room + card.stride), card.stride)
        beyond = len(part) if len(part) < len(text) else None
        unread = tokens.offsets[most][0] if len(tokens) > most else beyond
        return self._read(ids, offsets, starts, room), unread

    def _read(
        self, ids: Sequence[int], offsets: Sequence[tuple[int, int]], starts: range, room: int
    ) -> Iterator[Window]:
        """A window that says the same as an earlier one of the text is not read again."""
        seen: dict[tuple[int, ...], Mapping[str, float]] = {}
        for start in starts:
            part = tuple(ids[start : start + room])
            if not part:
                return
            if part not in seen:
                seen[part] = self._probabilities(part)
            end = start + len(part) - 1
            yield Window(offsets[start][0], offsets[end][1], seen[part])

    def _probabilities(self, part: Sequence[int]) -> Mapping[str, float]:
        ids = np.array([[self._first, *part, self._last]], dtype=np.int64)
        feed = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        [logits] = self._session.run(["score"], feed)
        values: NDArray[np.float64] = np.asarray(logits[0], dtype=np.float64)
        probabilities = 1 / (1 + np.exp(-(self._slopes * values + self._intercepts)))
        return dict(zip(self._card.heads, probabilities.tolist(), strict=True))


def _verified(file: Path, card: Card) -> bytes:
    """The file's bytes, those that the card was written for."""
    content = file.read_bytes()
    if hashlib.sha256(content).hexdigest() != card.sha256.get(file.name):
        raise ValueError(f"{file}: not the file that {CARD_FILE} names (its sha256 differs)")
    return content
