"""The embedded reward model: a small cross-encoder, run with ONNX Runtime.

It reads the end of the conversation and one answer together and gives one number. The folder it
is loaded from holds `model.onnx`, `tokenizer.json` and `card.json`; `winnow reward train` writes
such a folder, and the shipped default lies in `reward_filters/weights/`.

Answers go through the network one at a time. Its activations are quantised by the largest value
of the whole batch, so an answer's score would depend on its batch mates; and on a CPU a batch is
no faster than its members one by one (docs/add-a-reward-model.md has the figures).
"""

import asyncio
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ParamSpec, Self, TypeVar

import numpy as np
import onnxruntime as ort  # pyright: ignore[reportMissingTypeStubs]  it has none
from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass
from tokenizers import Encoding, Tokenizer

from gateway.normalisation import encodable
from gateway.types import Conversation

P = ParamSpec("P")
T = TypeVar("T")

MODEL_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"
CARD_FILE = "card.json"
SHIPPED_WEIGHTS = Path(__file__).parent / "weights"

# English has about 4.5 characters to a token. Text beyond this many characters per token that the
# model reads is cut before it is tokenised, so that a huge answer costs no more than a long one.
_CHARACTERS_PER_TOKEN = 16
_ANSWER_SHARE = 0.75


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Template:
    """How a conversation and an answer become the tokens that the model reads.

    The last `turns` messages whose role has a label are joined, a line each, as "label: text";
    the answer is the second segment. Other roles (system prompts) are left out. Where both are
    longer than `max_tokens` in all, the answer keeps at least three quarters of the room and is
    cut at its end; the conversation is cut at its beginning.
    """

    turns: Annotated[int, Field(ge=1)] = 3
    labels: Mapping[str, str] = Field(
        default_factory=lambda: {"user": "customer", "assistant": "assistant", "tool": "tool"}
    )
    max_tokens: Annotated[int, Field(ge=16, le=512)] = 256

    def encode(self, tokenizer: Tokenizer, conversation: Conversation, answer: str) -> Encoding:
        """At most `max_tokens` tokens. Make `tokenizer` with `load_tokenizer`."""
        limit = self.max_tokens * _CHARACTERS_PER_TOKEN
        context = encodable(self._context(conversation)[-limit:])
        first = tokenizer.encode(context, add_special_tokens=False)
        second = tokenizer.encode(encodable(answer[:limit]), add_special_tokens=False)
        room = self.max_tokens - tokenizer.num_special_tokens_to_add(is_pair=True)
        second.truncate(max(room - len(first), int(room * _ANSWER_SHARE)))
        first.truncate(room - len(second), direction="left")
        return tokenizer.post_process(first, second)

    def _context(self, conversation: Conversation) -> str:
        turns = [m for m in conversation.messages if m.role in self.labels]
        return "\n".join(f"{self.labels[m.role]}: {m.content}" for m in turns[-self.turns :])


@dataclass(frozen=True, config=ConfigDict(extra="ignore"))
class Calibration:
    """P(acceptable) = sigmoid(slope * score + intercept)."""

    slope: float
    intercept: float


@dataclass(frozen=True, config=ConfigDict(extra="ignore"))
class PrefixCorrelation:
    """The lower bound of the correlation between the scores of an answer's first `tokens` and
    of the whole; `tokens` is None where answers were cut at a share of their length.
    """

    low: float
    tokens: int | None = None


@dataclass(frozen=True, config=ConfigDict(extra="ignore"))
class Card:
    """What serving needs to know of a model. The file says more, for people."""

    name: str
    template: Template
    calibration: Calibration | None = None
    prefix_correlation: Sequence[PrefixCorrelation] = ()


def load_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer of a model. It reads a "[SEP]" that somebody typed as plain text."""
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = True
    return tokenizer


@dataclass(config=ConfigDict(extra="forbid"))
class CrossEncoder:
    """Scores answers with the model in the folder `path`.

    Scores are raw and finite, in points of the rubric that the model was trained on (its card
    says where zero lies). The score of an answer depends on the conversation and on that answer
    alone, to the last bit. `max_tokens` defaults to the card's; `threads` work on one answer.

    Raises:
        ValueError: when made, if `path` does not hold a model with its card.
    """

    path: Path = SHIPPED_WEIGHTS
    max_tokens: Annotated[int, Field(ge=16, le=512)] | None = None
    threads: Annotated[int, Field(ge=1)] = 1

    def __post_init__(self) -> None:
        files = [self.path / name for name in (MODEL_FILE, TOKENIZER_FILE, CARD_FILE)]
        for file in files:
            if not file.is_file():
                raise ValueError(f"no reward model in {str(self.path)!r}: no {file.name!r}")
        card = TypeAdapter(Card).validate_json(files[2].read_bytes())
        limit = self.max_tokens or card.template.max_tokens
        self._card = card
        self._template = replace(card.template, max_tokens=limit)
        self._revision = f"{card.name}@{_digest(files[:2], self._template)}"
        self._network: _Network | None = None

    @property
    def revision(self) -> str:
        """The card's name, with a hash over the weights, the tokenizer and the template."""
        return self._revision

    def p_ok(self, score: float) -> float | None:
        """The probability that an answer of that score is acceptable (rubric score of 6 or more).

        None where the card has no calibration: the model was trained on choices alone.
        """
        fit = self._card.calibration
        if fit is None:
            return None
        return (1 + math.tanh((fit.slope * score + fit.intercept) / 2)) / 2

    def prefix_correlation(self, tokens: int) -> float | None:
        """What may be relied on after `tokens` tokens of an answer: the lower bound, on the card,
        of the correlation between the score so far and the score of the whole answer.

        Tokens are this model's own. The largest measured cut that is not above `tokens` counts;
        None where there is none.
        """
        measured = [
            (c.tokens, c.low)
            for c in self._card.prefix_correlation
            if c.tokens is not None and c.tokens <= tokens
        ]
        return max(measured)[1] if measured else None

    async def __aenter__(self) -> Self:
        # Entered anew, a model may live in another event loop: the lock is made here.
        self._turn = asyncio.Lock()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="cross-encoder")
        self._network = await self._in_worker(_Network, self.path, self._template, self.threads)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._network = None
        await asyncio.to_thread(self._worker.shutdown, cancel_futures=True)

    async def score(self, conversation: Conversation, answers: Sequence[str]) -> Sequence[float]:
        """One raw score per answer.

        Calls are served whole, in the order in which they came: under a load that is too high,
        the first ones are in time and the last ones late, instead of all of them late together.

        Raises:
            RuntimeError: the model is not open (`async with`).
        """
        if self._network is None:
            raise RuntimeError(f"the reward model {self._revision} is not open")
        network = self._network
        # One job per answer, so that a cancelled call gives its turn away after the one at work.
        async with self._turn:
            return [await self._in_worker(network.score, conversation, a) for a in answers]

    async def _in_worker(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        job = partial(work, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._worker, job)


class _Network:
    """The session and its tokenizer: neither is shared between threads."""

    def __init__(self, path: Path, template: Template, threads: int) -> None:
        options = ort.SessionOptions()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session: Any = ort.InferenceSession(
            str(path / MODEL_FILE),
            options,  # pyright: ignore[reportUnknownArgumentType]
            providers=["CPUExecutionProvider"],
        )
        self._tokenizer = load_tokenizer(path / TOKENIZER_FILE)
        self._template = template

    def score(self, conversation: Conversation, answer: str) -> float:
        tokens = self._template.encode(self._tokenizer, conversation, answer)
        feed = {
            "input_ids": [tokens.ids],
            "attention_mask": [tokens.attention_mask],
            "token_type_ids": [tokens.type_ids],
        }
        [scores] = self._session.run(
            ["score"], {name: np.asarray(ids, dtype=np.int64) for name, ids in feed.items()}
        )
        return float(np.asarray(scores)[0])


def _digest(files: Sequence[Path], template: Template) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    digest.update(TypeAdapter(Template).dump_json(template))
    return digest.hexdigest()[:12]
