"""OpenAI's moderation: what is read of a request, and a screening as one of its results."""

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, Final, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from gateway.errors import RequestError
from gateway.openai.requests import Caps, Identifier, Name, Text, TextPart, bad_request
from gateway.types import Screening, Stage, Verdict

Json = dict[str, Any]

CATEGORIES: Final[tuple[str, ...]] = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)
"""All that OpenAI's omni-moderation has, and that a client's model of the response asks for."""

OURS: Mapping[str, str] = {
    **{name: name for name in CATEGORIES},
    **{name.replace("/", "_").replace("-", "_"): name for name in CATEGORIES},
    "bias": "hate",
    "harm": "illicit",
    "harmful_request": "illicit",
    "incitement": "violence",
    "insults": "harassment",
    "threat": "harassment/threatening",
    "threats": "harassment/threatening",
    "toxicity": "harassment",
}
"""OpenAI's category for a category of ours. What is not here (personal data, secrets, injections,
a policy author's own) has none: it stands in the `winnow` object of the result alone."""


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)


class ModerationExtension(_Strict):
    """The `winnow` object of a request: where the text comes from, and policy sets to add."""

    stage: Stage = "input"
    policies: list[Name] = []


def _only_text(value: Any) -> Any:
    _refuse_other_parts(value)
    return value


def _refuse_other_parts(value: object) -> None:
    for index, part in enumerate(cast("list[Any]", value) if isinstance(value, list) else ()):
        if isinstance(part, dict) and cast("Json", part).get("type") != "text":
            raise ValueError(f"part {index} is not text, and only text is judged")


class ModerationBody(_Strict):
    """The body of `POST /v1/moderations`. `model` is taken and means nothing."""

    input: Annotated[Text | list[Text] | list[TextPart], BeforeValidator(_only_text)]
    model: Identifier | None = None
    winnow: ModerationExtension = ModerationExtension()

    @property
    def texts(self) -> Sequence[str]:
        """One for each result: the parts of a content are one text, as in a chat."""
        if isinstance(self.input, str):
            return [self.input]
        texts = [item for item in self.input if isinstance(item, str)]
        return texts or ["\n".join(p.text for p in self.input if isinstance(p, TextPart))]


def parse_moderation(raw: bytes, caps: Caps) -> ModerationBody:
    """Read a request.

    Raises:
        RequestError: 400; `param` names what is wrong, and the message never quotes a text.
    """
    try:
        body = ModerationBody.model_validate_json(raw)
    except ValidationError as error:
        raise bad_request(error) from None
    if not body.input and isinstance(body.input, list):
        raise _refusal("there is nothing to judge")
    if len(body.input) > caps.max_messages and isinstance(body.input, list):
        raise _refusal(f"{len(body.input)} items are more than {caps.max_messages}")
    characters = sum(map(len, body.texts))
    if characters > caps.max_characters:
        raise _refusal(f"{characters} characters in all are more than {caps.max_characters}")
    return body


def moderation_body(moderation_id: str, digest: str, results: Sequence[Json]) -> Json:
    """The whole response. The model is what judged: our name and the policies' digest."""
    return {"id": f"modr-{moderation_id}", "model": f"winnow-{digest[:16]}", "results": results}


def moderation_result(screening: Screening, judged: Collection[str], extension: Json) -> Json:
    """One result, with `extension` beside OpenAI's fields.

    `judged` are the categories of ours that the policies asked can give. `flagged` is true where
    the text would be blocked, and where a category of OpenAI's is. A score is the model's
    probability, 1 where a rule found something, 0 where nothing did. Verdicts in shadow mode count
    for nothing here. A category that no policy looks for applies to no type of input.
    """
    scores: dict[str, float] = {}
    for finding in (f for v in screening.verdicts if v.enforced for f in v.findings):
        if (category := OURS.get(finding.category)) is not None:
            score = 1.0 if finding.score is None else finding.score
            scores[category] = max(scores.get(category, 0.0), score)
    looked_for = {OURS[name] for name in judged if name in OURS} | set(scores)
    return {
        "flagged": bool(scores) or any(map(blocks, screening.verdicts)),
        "categories": {name: name in scores for name in CATEGORIES},
        "category_scores": {name: scores.get(name, 0.0) for name in CATEGORIES},
        "category_applied_input_types": {
            name: ["text"] if name in looked_for else [] for name in CATEGORIES
        },
        **extension,
    }


def blocks(verdict: Verdict) -> bool:
    """Whether a verdict blocks its text for what stands in it."""
    return verdict.enforced and verdict.action == "block"


def _refusal(reason: str) -> RequestError:
    return RequestError(f"input: {reason}.", code="invalid_value", param="input")
