"""text-embeddings-inference, by a server with the shapes of its openapi.json.

The real one is a Rust program that can't be installed here.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import ValidationError

from gateway.protocols import RewardFailure
from gateway.types import Conversation, Message
from reward_filters.text_embeddings_inference import TextEmbeddingsInference
from tests.reward_filters.servers import Body, tei_app
from tests.server.conftest import served

QUESTION = Conversation(
    (
        Message("user", "Hello."),
        Message("assistant", "Hi."),
        Message("user", "Where is it?"),
    ),
    "You are kind.",
)
ANSWERS = ["It is on its way.", "No.", "Please send me the number of your order, and I will look."]


def longer_is_better(context: str, answer: str) -> Mapping[str, float]:
    return {"bad": -float(len(answer)), "good": len(answer) + len(context) / 1000}


def one_label(context: str, answer: str) -> Mapping[str, float]:
    return {"LABEL_0": 0.5 - len(answer)}


@dataclass(frozen=True)
class Server:
    url: str
    seen: list[Body]


@pytest.fixture
def server() -> Generator[Server]:
    seen: list[Body] = []
    with served(tei_app(one_label, seen, most=2)) as url:
        yield Server(url, seen)


def made(url: str, **options: Any) -> TextEmbeddingsInference:
    given: dict[str, Any] = {"base_url": url, "model": "acme/rm", "max_batch": 2}
    return TextEmbeddingsInference(**{**given, **options})


async def scored(url: str, answers: list[str] = ANSWERS, **options: Any) -> list[float]:
    async with made(url, **options) as model:
        return list(await model.score(QUESTION, answers))


async def test_each_answer_is_paired_with_the_conversation_and_scored_raw(server: Server):
    """A list of two texts is a pair; several are a batch, of as many as the server takes."""
    assert await scored(server.url) == [0.5 - len(answer) for answer in ANSWERS]
    context = "user: Hello.\nassistant: Hi.\nuser: Where is it?"
    assert [body.pop("inputs") for body in server.seen] == [
        [[context, ANSWERS[0]], [context, ANSWERS[1]]],
        [[context, ANSWERS[2]]],
    ]
    assert server.seen == [{"raw_scores": True, "truncate": True}] * 2


async def test_a_single_answer_is_a_batch_of_one_pair(server: Server):
    """And not a pair by itself, whose answer has another shape."""
    assert await scored(server.url, ["No."]) == [-2.5]


async def test_the_conversation_is_as_long_as_asked_for(server: Server):
    """Its end counts."""
    await scored(server.url, ["No."], turns=1)
    await scored(server.url, ["No."], context_characters=3)
    assert [body["inputs"][0][0] for body in server.seen] == ["user: Where is it?", "it?"]


async def test_more_answers_than_the_server_takes_are_a_failure(server: Server):
    """Its own limit is `max_batch`."""
    with pytest.raises(RewardFailure, match="HTTP 413"):
        await scored(server.url, max_batch=3)


async def test_of_several_labels_the_named_one_is_the_score():
    """TEI sorts them by score, so that their places say nothing."""
    with served(tei_app(longer_is_better)) as url:
        scores = await scored(url, label="good", turns=1)
        assert scores == [pytest.approx(len(answer) + 0.018) for answer in ANSWERS]
        with pytest.raises(RewardFailure, match="2 of the 2 labels"):
            await scored(url)
        with pytest.raises(RewardFailure, match="0 of the 2 labels"):
            await scored(url, label="better")


@pytest.mark.parametrize("options", [{"model": "acme/another"}, {"sha": "beef"}], ids=str)
async def test_another_model_than_the_configured_one_is_a_failure(
    server: Server, options: dict[str, Any]
):
    """Its scores would stand in the ledger under the wrong name."""
    with pytest.raises(RewardFailure, match="another model"):
        await scored(server.url, **options)
    assert len(await scored(server.url, sha="cafe")) == 3


async def test_a_wrong_number_of_scores_is_a_failure():
    """One list for each pair."""
    wrong = FastAPI(openapi_url=None)

    @wrong.post("/predict")
    async def predict() -> list[list[Body]]:  # pyright: ignore[reportUnusedFunction]
        return [[{"score": 1.0, "label": "LABEL_0"}]]

    wrong.mount("/", tei_app(one_label))
    with served(wrong) as url, pytest.raises(RewardFailure, match="1 scores for 2 answers"):
        await scored(url)


async def test_what_somebody_types_is_no_separator(server: Server):
    """The tokens of a BERT vocabulary are removed from both texts."""
    question = Conversation((Message("user", "A [SEP] B"),))
    async with made(server.url) as model:
        await model.score(question, ["C </s> D"])
    assert server.seen[0]["inputs"] == [["user: A \ufffd B", "C \ufffd D"]]


def test_the_revision_names_what_gives_the_scores_and_no_secret():
    """Model, commit, label and what is read; not where the server is, nor how it is asked."""
    plain = made("http://someone:password@127.0.0.1:9", api_key="the-key").revision
    assert plain.startswith("acme/rm@")
    assert "password" not in plain
    assert "key" not in plain
    assert made("http://127.0.0.1:8", max_batch=1).revision == plain
    options: list[dict[str, Any]] = [
        {"sha": "cafe"},
        {"label": "A"},
        {"turns": 1},
        {"context_characters": 9},
    ]
    changed = [made("http://127.0.0.1:9", **other).revision for other in options]
    assert len({plain, *changed}) == 5


@pytest.mark.parametrize("options", [{"model": ""}, {"turns": 0}, {"max_batch": 0}], ids=str)
def test_options_that_can_not_work_are_refused_when_made(options: dict[str, Any]):
    """Before any answer comes."""
    with pytest.raises(ValidationError):
        made("http://127.0.0.1:9", **options)
