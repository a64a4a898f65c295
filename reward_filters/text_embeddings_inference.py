"""A reward model on a server of text-embeddings-inference (TEI): a cross-encoder of two texts.

    POST /predict {"inputs": [["context", "answer"], ...], "raw_scores": true, "truncate": true}
    -> [[{"score": -1.2, "label": "LABEL_0"}, ...], ...]    # a list for each pair, in order

Each inner list of two strings is one pair: the conversation's end and an answer.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Annotated, ClassVar, Self

from pydantic import ConfigDict, Field, HttpUrl, PositiveInt, SecretStr
from pydantic.dataclasses import dataclass

from gateway.normalisation import encodable
from gateway.protocols import RewardFailure
from gateway.types import Conversation
from reward_filters.control_tokens import ControlTokens
from reward_filters.dialogue import transcript
from reward_filters.remote import RewardServer, WireShape


class _Prediction(WireShape):
    score: float
    label: str


class _Info(WireShape):
    model_id: str
    model_sha: str | None = None


_Predictions = list[tuple[_Prediction, ...]]


@dataclass(config=ConfigDict(extra="forbid"))
class TextEmbeddingsInference:
    """Scores answers with the sequence-classification model that TEI serves at `base_url`.

    `model` is what the server calls its model (`model_id` in the answer of its /info), and `sha`,
    if given, the commit that it was loaded from: both are compared before the first score. A model
    with several labels needs `label`, the one whose logit is the score.

    The first text is the last `turns` turns without system texts, a line each, as "role: text", of
    which the last `context_characters` are kept; the second is the answer. TEI cuts off the end of
    what is longer than the model reads. A request holds at most `max_batch` answers (the server's
    `--max-client-batch-size`) and takes at most `request_timeout_s`.
    """

    base_url: HttpUrl
    model: Annotated[str, Field(min_length=1)]
    sha: str | None = None
    label: str | None = None
    turns: PositiveInt = 3
    context_characters: PositiveInt = 1000
    api_key: SecretStr = SecretStr("")
    max_batch: PositiveInt = 32
    request_timeout_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 30.0

    remote: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self._server = RewardServer(self.base_url, self.api_key, self.request_timeout_s)
        self._control_tokens = ControlTokens()
        self._is_the_model = False

    @property
    def revision(self) -> str:
        """The model's name, with a hash over the commit, the label and what is read."""
        read = [self.sha, self.label, self.turns, self.context_characters]
        return f"{self.model}@{hashlib.sha256(json.dumps(read).encode()).hexdigest()[:12]}"

    async def __aenter__(self) -> Self:
        await self._server.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.__aexit__()

    async def score(self, conversation: Conversation, answers: Sequence[str]) -> Sequence[float]:
        """One raw score per answer.

        Raises:
            RewardFailure: no proper answer of the server, or a server with another model.
            RuntimeError: the model is not open (`async with`).
        """
        if not self._is_the_model:
            await self._compare()
        context = self._shown(transcript(conversation, self.turns, self.context_characters))
        pairs = [[context, self._shown(answer)] for answer in answers]
        starts = range(0, len(pairs), self.max_batch)
        batches = [await self._ask(pairs[i : i + self.max_batch]) for i in starts]
        return [score for batch in batches for score in batch]

    async def _compare(self) -> None:
        info = await self._server.get("info", _Info)
        if info.model_id != self.model or self.sha not in (None, info.model_sha):
            raise RewardFailure(f"the server serves another model than {self.model!r}")
        self._is_the_model = True

    async def _ask(self, pairs: Sequence[list[str]]) -> list[float]:
        body = {"inputs": pairs, "raw_scores": True, "truncate": True}
        predictions = await self._server.post("predict", body, _Predictions)
        if len(predictions) != len(pairs):
            raise RewardFailure(
                f"the server gave {len(predictions)} scores for {len(pairs)} answers"
            )
        return [self._picked(of_one) for of_one in predictions]

    def _picked(self, predictions: tuple[_Prediction, ...]) -> float:
        """TEI orders the labels by their scores: they are told apart by their names."""
        wanted = [p.score for p in predictions if self.label in (None, p.label)]
        if len(wanted) != 1:
            raise RewardFailure(
                f"{len(wanted)} of the {len(predictions)} labels of {self.model!r} are meant:"
                " `label` must name one of them"
            )
        return wanted[0]

    def _shown(self, text: str) -> str:
        return self._control_tokens.removed(encodable(text))
