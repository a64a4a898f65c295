"""The network of the guard models, its card, and the windows that it reads a text in.

A window is read alone: activations are quantised by the largest value of a batch, so that among
batch mates a window's score would depend on the others.
"""

import hashlib
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass as plain_dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnxruntime as ort  # pyright: ignore[reportMissingTypeStubs]  it has none
from numpy.typing import NDArray
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from tokenizers import Tokenizer

from gateway.normalisation import encodable

MODEL_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"
CARD_FILE = "card.json"

# What is kept of a window that was read is a hash and a few numbers.
_REMEMBERED_WINDOWS = 8192
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


Parts = Sequence[tuple[int, int]]
"""Spans of a text, start and end, in their order and apart from one another."""


@plain_dataclass(frozen=True, slots=True)
class Window:
    """A part of a text, `text[start:end]`, and the probability that each head gives it."""

    start: int
    end: int
    probabilities: Mapping[str, float]


@plain_dataclass(frozen=True, slots=True)
class Tokens:
    """As much of a text as can be read, and where the rest begins."""

    ids: Sequence[int]
    offsets: Sequence[tuple[int, int]]
    unread: int | None


def load_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer of a network. It reads a "[SEP]" that somebody typed as plain text."""
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = True
    return tokenizer


class Network:
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
        self._room = card.max_tokens - 2
        self._recent: OrderedDict[bytes, Mapping[str, float]] = OrderedDict()
        self._slopes = np.array([h.slope for h in card.heads.values()])
        self._intercepts = np.array([h.intercept for h in card.heads.values()])

    def tokens(self, text: str) -> Tokens:
        card = self._card
        most = card.max_tokens - 2 + (card.most_windows - 1) * card.stride
        part = text[: most * _CHARACTERS_PER_TOKEN]
        tokens = self._tokenizer.encode(encodable(part), add_special_tokens=False)
        beyond = len(part) if len(part) < len(text) else None
        unread = tokens.offsets[most][0] if len(tokens) > most else beyond
        return Tokens(tokens.ids[:most], tokens.offsets[:most], unread)

    def starts(self, tokens: Tokens, parts: Parts | None) -> Sequence[int]:
        """The tokens that windows begin with: of all windows, or of those that touch a part."""
        length = len(tokens.ids)
        last = max(1, length - self._room + self._card.stride)
        starts = range(0, last if length else 0, self._card.stride)
        if parts is None:
            return starts
        ends = [end for _, end in parts]

        def touched(start: int) -> bool:
            first = bisect_right(ends, tokens.offsets[start][0])
            end = tokens.offsets[min(start + self._room, length) - 1][1]
            return first < len(parts) and parts[first][0] < end

        return [start for start in starts if touched(start)]

    def read(self, tokens: Tokens, starts: Iterable[int]) -> Iterator[Window]:
        """The windows, each read when it is asked for."""
        for start in starts:
            part = tokens.ids[start : start + self._room]
            end = start + len(part) - 1
            yield Window(tokens.offsets[start][0], tokens.offsets[end][1], self._known(part))

    def _known(self, part: Sequence[int]) -> Mapping[str, float]:
        """A window that says the same as one of a moment ago is not read again."""
        key = hashlib.blake2b(np.array(part, dtype=np.int32).tobytes(), digest_size=16).digest()
        if (known := self._recent.get(key)) is None:
            known = self._recent[key] = self._probabilities(part)
            if len(self._recent) > _REMEMBERED_WINDOWS:
                self._recent.popitem(last=False)
        self._recent.move_to_end(key)
        return known

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
