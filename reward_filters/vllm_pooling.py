"""A reward model on a vLLM server (`vllm serve MODEL --runner pooling`).

vLLM's own chat form of a request takes one conversation. Here the chat template is rendered by the
gateway, so that all answers to a conversation are scored by one request:

    POST /classify {"model", "input": ["rendered", ...], "use_activation": false, ...}
    -> {"data": [{"index": 0, "label": ..., "probs": [7.31], "num_classes": 1}, ...]}
    POST /pooling  the same, with "task": "classify"
    -> {"data": [{"index": 0, "object": "pooling", "data": [7.31]}, ...]}
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, HttpUrl, NonNegativeInt, PositiveInt, SecretStr
from pydantic import field_validator as validator
from pydantic.dataclasses import dataclass

from gateway.protocols import RewardFailure
from gateway.types import Conversation, Message
from reward_filters.chat_template import ChatTemplate
from reward_filters.remote import RewardServer, WireShape

# Answers from good to bad: their scores differ, whatever a model was trained for.
_QUESTION = Conversation((Message("user", "Hello, my parcel has not come. What can I do?"),))
_PROBES = (
    "I am sorry to hear that. Please send me your order number, and I will look into it with you.",
    "Parcels come when they come.",
    "banana banana banana banana banana banana",
    "That is your own fault, you fool. Stop bothering us.",
    "Yes.",
)
_SAME = 1e-3


class _Classified(WireShape):
    index: int
    probs: tuple[float, ...]


class _Classification(WireShape):
    data: tuple[_Classified, ...]

    def values(self) -> list[tuple[int, tuple[float, ...]]]:
        return [(item.index, item.probs) for item in self.data]


class _Pooled(WireShape):
    index: int
    data: tuple[float, ...]


class _Pooling(WireShape):
    data: tuple[_Pooled, ...]

    def values(self) -> list[tuple[int, tuple[float, ...]]]:
        return [(item.index, item.data) for item in self.data]


@dataclass(config=ConfigDict(extra="forbid"))
class VllmPooling:
    """Scores answers with the model that the server at `base_url` calls `model`.

    `base_url` is the server's, with or without /v1. `chat_template` is the folder of the model's
    tokeniser, or a .jinja file. A model with several labels needs `label`, the position of the one
    whose logit is the score. A request holds at most `max_batch` answers and takes at most
    `request_timeout_s`. Where a conversation is longer than the model reads, its beginning is cut
    off.

    Scores are raw. A server that gives probabilities all the same, as one that is too old to know
    `use_activation` does, is found out by five fixed answers before the first score, and refused.

    Raises:
        ValueError: when made, if `chat_template` holds none.
    """

    base_url: HttpUrl
    model: Annotated[str, Field(min_length=1)]
    chat_template: Path
    endpoint: Literal["classify", "pooling"] = "classify"
    label: NonNegativeInt | None = None
    api_key: SecretStr = SecretStr("")
    max_batch: PositiveInt = 64
    request_timeout_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 30.0

    @validator("base_url")
    @classmethod
    def _root(cls, url: HttpUrl) -> HttpUrl:
        """`/classify` and `/pooling` are not below the /v1 at which everything else is."""
        return HttpUrl(str(url).rstrip("/").removesuffix("/v1"))

    remote: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self._template = ChatTemplate.load(self.chat_template)
        self._server = RewardServer(self.base_url, self.api_key, self.request_timeout_s)
        self._gives_logits = False

    @property
    def revision(self) -> str:
        """The model's name, with a hash over the template and the label."""
        material = json.dumps([self._template.digest, self.label]).encode()
        return f"{self.model}@{hashlib.sha256(material).hexdigest()[:12]}"

    async def __aenter__(self) -> Self:
        await self._server.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.__aexit__()

    async def score(self, conversation: Conversation, answers: Sequence[str]) -> Sequence[float]:
        """One raw score per answer.

        Raises:
            RewardFailure: no proper answer of the server, a server that gives probabilities, or a
                conversation that the chat template refuses.
            RuntimeError: the model is not open (`async with`).
        """
        if not self._gives_logits:
            await self._probe()
        prompts = [self._template.render(conversation, answer) for answer in answers]
        starts = range(0, len(prompts), self.max_batch)
        batches = [await self._ask(prompts[i : i + self.max_batch]) for i in starts]
        return [score for batch in batches for score in batch]

    async def _probe(self) -> None:
        """Remembered once passed; anything else is looked at again with the next call."""
        prompts = [self._template.render(_QUESTION, answer) for answer in _PROBES]
        raw = await self._ask(prompts)
        if all(0 <= score <= 1 for score in raw):  # a saturated sigmoid is exactly 1
            # Logits may lie there too. Then they differ from what the activation makes of them.
            activated = await self._ask(prompts, use_activation=True)
            if all(abs(a - r) < _SAME for a, r in zip(activated, raw, strict=True)):
                raise RewardFailure(
                    f"the server of {self.model!r} gives probabilities and not raw scores"
                    " (vLLM too old for `use_activation`?)"
                )
        self._gives_logits = True

    async def _ask(self, prompts: Sequence[str], *, use_activation: bool = False) -> list[float]:
        body: dict[str, Any] = {
            "model": self.model,
            "input": prompts,
            "add_special_tokens": False,  # the template has written them
            "use_activation": use_activation,
            "truncate_prompt_tokens": -1,
            "truncation_side": "left",
        }
        if self.endpoint == "classify":
            answer = await self._server.post("classify", body, _Classification)
        else:
            answer = await self._server.post("pooling", {**body, "task": "classify"}, _Pooling)
        values = answer.values()
        by_index = dict(values)
        if len(values) != len(prompts) or by_index.keys() != set(range(len(prompts))):
            raise RewardFailure(f"the server gave {len(values)} scores for {len(prompts)} answers")
        return [self._picked(by_index[i]) for i in range(len(prompts))]

    def _picked(self, classes: tuple[float, ...]) -> float:
        position = self.label or 0
        if position >= len(classes) or (self.label is None and len(classes) != 1):
            raise RewardFailure(
                f"the model {self.model!r} has {len(classes)} labels: `label` must name one of them"
            )
        return classes[position]
