"""A reward model of the Transformers library, in this process.

For one that is published as a sequence-classification model and served by nobody. It needs torch,
which is the extra `transformers`; a GPU is better used through a vLLM server.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Literal, ParamSpec, Self, TypeVar

from pydantic import ConfigDict, Field, NonNegativeInt, PositiveInt
from pydantic.dataclasses import dataclass

from gateway.normalisation import encodable
from gateway.protocols import RewardFailure
from gateway.types import Conversation
from reward_filters.chat_template import REFUSALS, marks, refused, turns
from reward_filters.control_tokens import ControlTokens
from reward_filters.dialogue import transcript

P = ParamSpec("P")
T = TypeVar("T")

# Text beyond this many characters per token that the model reads is cut before it is tokenised.
_CHARACTERS_PER_TOKEN = 16
_ANSWER_SHARE = 0.75


@dataclass(config=ConfigDict(extra="forbid"))
class TransformersModel:
    """Scores answers with the sequence-classification model in the folder `path`.

    `path` may also be a name on the hub; then `commit` says which one of its versions. A model
    with several labels needs `label`, the position of the one whose logit is the score.

    A model whose tokeniser has a chat template reads the whole conversation and the answer in it;
    any other reads two texts, the last `turns` turns as "role: text" lines and the answer. Of more
    than `max_tokens` the beginning of the conversation is cut off; only what is left of an answer
    that is longer by itself is cut too. At most `batch_size` answers go through the network
    together: the score of one does not depend on the others but for rounding (1e-4 in float32).

    Raises:
        ValueError: when made, if there is no such folder and no `commit`; when entered, if the
            model has several labels and `label` names none of them.
        ImportError: when entered, without torch and transformers.
    """

    path: Annotated[str, Field(min_length=1)] | Path
    commit: str | None = None
    label: NonNegativeInt | None = None
    turns: PositiveInt = 6
    max_tokens: Annotated[int, Field(ge=64)] = 2048
    batch_size: PositiveInt = 8
    device: str = "cpu"
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"

    def __post_init__(self) -> None:
        folder = Path(self.path)
        if folder.is_dir() == (self.commit is not None):
            raise ValueError(
                f"{str(self.path)!r} is no folder, and a name on the hub needs a `commit`"
            )
        version = self.commit if self.commit is not None else _digest(folder)
        read = (version, self.label, self.turns, self.max_tokens, self.dtype)
        digest = hashlib.sha256(repr(read).encode()).hexdigest()[:12]
        self._revision = f"{folder.name}@{digest}"
        self._network: _Network | None = None

    @property
    def revision(self) -> str:
        """The model's name, with a hash over the folder's files (or the commit) and the options."""
        return self._revision

    async def __aenter__(self) -> Self:
        # Entered anew, a model may live in another event loop: the lock is made here.
        self._turn = asyncio.Lock()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="transformers-model")
        try:
            self._network = await self._in_worker(_Network, self)
        except BaseException:
            self._worker.shutdown(wait=False)
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._network = None
        await asyncio.to_thread(self._worker.shutdown, cancel_futures=True)

    async def score(self, conversation: Conversation, answers: Sequence[str]) -> Sequence[float]:
        """One raw score per answer. Calls are served whole, in the order in which they came.

        Raises:
            RewardFailure: the network failed, or gave what is no number.
            RuntimeError: the model is not open (`async with`).
        """
        if self._network is None:
            raise RuntimeError(f"the reward model {self._revision} is not open")
        network = self._network
        starts = range(0, len(answers), self.batch_size)
        # One job per batch, so that a cancelled call gives its turn away after the one at work.
        async with self._turn:
            batches = [
                await self._in_worker(network.score, conversation, answers[i : i + self.batch_size])
                for i in starts
            ]
        return [score for batch in batches for score in batch]

    async def _in_worker(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        job = partial(work, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._worker, job)


class _Network:
    """The model and its tokeniser: neither is shared between threads."""

    def __init__(self, options: TransformersModel) -> None:
        self._torch, transformers = _imported()
        source = {"pretrained_model_name_or_path": str(options.path), "revision": options.commit}
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(
            **source, truncation_side="left"
        )
        self._model = transformers.AutoModelForSequenceClassification.from_pretrained(
            **source, dtype=getattr(self._torch, options.dtype)
        )
        self._model.to(options.device).eval()
        self._options = options
        self._label = _checked_label(options, self._model.config.num_labels)
        template: str = self._tokenizer.chat_template or ""
        special = self._tokenizer.all_special_tokens
        self._control_tokens = ControlTokens((*special, *marks(template)))

    def score(self, conversation: Conversation, answers: Sequence[str]) -> list[float]:
        encoded = [self._encode(conversation, answer) for answer in answers]
        try:
            with self._torch.inference_mode():
                scores = [score for batch in self._batches(encoded) for score in self._run(batch)]
        except RuntimeError as error:  # torch's own, out of memory above all
            raise RewardFailure(f"the reward model failed: {type(error).__name__}") from None
        if not all(map(isfinite, scores)):
            raise RewardFailure("the reward model gave a score that is no finite number")
        return scores

    def _batches(self, encoded: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
        """All together, where the model knows which tokens are padding; or else each by itself."""
        if self._model.config.pad_token_id is not None:
            yield encoded
        else:
            yield from ([one] for one in encoded)

    def _run(self, batch: Sequence[dict[str, Any]]) -> list[float]:
        rows = {
            name: self._padded([one[name] for one in batch], padding)
            for name, padding in self._paddings(batch[0])
        }
        logits = self._model(**rows).logits
        return [float(score) for score in logits[:, self._label]]

    def _paddings(self, names: dict[str, Any]) -> Iterator[tuple[str, int]]:
        pad = self._model.config.pad_token_id or 0
        yield from ((name, pad if name == "input_ids" else 0) for name in names)

    def _padded(self, rows: Sequence[Sequence[int]], padding: int) -> Any:
        """At the right: positions are counted from the left."""
        longest = max(map(len, rows))
        square = [[*row, *[padding] * (longest - len(row))] for row in rows]
        return self._torch.tensor(square, device=self._options.device)

    def _encode(self, conversation: Conversation, answer: str) -> dict[str, list[int]]:
        if not self._tokenizer.chat_template:
            return self._encode_pair(conversation, answer)
        try:
            ids = self._tokenizer.apply_chat_template(
                turns(conversation, answer, self._control_tokens), return_dict=True
            )["input_ids"]
        except REFUSALS as error:
            raise refused(error) from None
        kept = ids[-self._options.max_tokens :]
        return {"input_ids": kept, "attention_mask": [1] * len(kept)}

    def _encode_pair(self, conversation: Conversation, answer: str) -> dict[str, list[int]]:
        limit = self._options.max_tokens
        characters = limit * _CHARACTERS_PER_TOKEN
        context = self._shown(transcript(conversation, self._options.turns, characters))
        encoded = self._tokenizer(
            context or " ",
            self._beginning(self._shown(answer[:characters]), int(limit * _ANSWER_SHARE)),
            truncation="only_first",
            max_length=limit,
        )
        return dict(encoded)

    def _beginning(self, text: str, most_tokens: int) -> str:
        """What the first tokens of a text stand for."""
        offsets = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)[
            "offset_mapping"
        ]
        return text if len(offsets) <= most_tokens else text[: offsets[most_tokens - 1][1]]

    def _shown(self, text: str) -> str:
        return self._control_tokens.removed(encodable(text))


def _imported() -> tuple[Any, Any]:
    try:
        return import_module("torch"), import_module("transformers")
    except ImportError as error:
        raise ImportError(
            "reward_filters.transformers_model needs Winnow's extra 'transformers':"
            f" pip install '.[transformers]' ({error})"
        ) from error


def _checked_label(options: TransformersModel, labels: int) -> int:
    label = options.label or 0
    if label >= labels or (options.label is None and labels != 1):
        raise ValueError(
            f"the model {str(options.path)!r} has {labels} labels: `label` must name one of them"
        )
    return label


def _digest(folder: Path) -> str:
    """Of all files that a model and its tokeniser are loaded from."""
    digest = hashlib.sha256()
    kinds = {".json", ".jinja", ".safetensors", ".bin", ".model", ".txt"}
    for file in sorted(f for f in folder.iterdir() if f.suffix in kinds):
        with file.open("rb") as content:
            digest.update(file.name.encode() + hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()
