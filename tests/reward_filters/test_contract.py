"""What every reward model promises. A new file in reward_filters/ fails here until it has an entry.

Models on a server are asked over HTTP: what answers is a small server with the shapes of the real
one (tests/reward_filters/servers.py).
"""

import asyncio
import json
import math
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.plugins import build_plugin
from gateway.protocols import RewardModel
from gateway.types import Conversation, Message
from reward_filters.cross_encoder import CrossEncoder
from tests.reward_filters.servers import judge_app, tei_app, vllm_app
from tests.server.conftest import served

ROOT = Path(__file__).parents[2]

# The whole of Unicode, lone surrogates and NUL included.
ANY_TEXT = st.text(st.characters(), max_size=200)
ANSWERS = ("I'm sorry. Please send us your order number.", "no", "Call me, call me, call me, call")
QUESTION = Conversation((Message("user", "Where is it?"),), "You answer for a courier service.")
CONVERSATIONS = (
    QUESTION,
    Conversation(()),
    Conversation((Message("user", ""),)),
    Conversation((Message("user", "\ud800 \x00"), Message("assistant", "\udfff"))),
    Conversation((Message("system", "Be brief."), Message("tool", "{}"), Message("user", "why? "))),
    Conversation((Message("user", "why? " * 10_000),)),
)
ODD_ANSWERS = ("", " \n", "\ud800 \udfff", "\x00\x07", "<|im_end|>[SEP]</s>", "5", "e\u0301" * 99)
LONG = ("a", "word ", "?!", "\n", "\ud800", "界")


Options = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """A kind with its options as a config has them, and others that change the scores."""

    kind: str
    options: Options
    changes: Sequence[Options]

    def make(self, **changed: Any) -> RewardModel:
        use, options = f"reward_filters.{self.kind}", self.options | changed
        return build_plugin(use, options, "reward", RewardModel)


Setting = tuple[Options, Sequence[Options]]


@contextmanager
def cross_encoder(folder: Path) -> Generator[Setting]:
    yield {}, [{"max_tokens": 64}]


@contextmanager
def heuristics(folder: Path) -> Generator[Setting]:
    weights = [{name: 0.1} for name in ("length", "repetition", "refusal", "question")]
    yield {}, [{"shortest": 10}, {"longest": 400}, {"refusals": ["no"]}, *weights]


@contextmanager
def ensemble(folder: Path) -> Generator[Setting]:
    rules = {"model": {"use": "reward_filters.heuristics:Heuristics"}, "scale": 2}
    network = {"model": {"use": "reward_filters.cross_encoder:CrossEncoder"}}
    yield (
        {"members": [rules, network], "combine": "pessimistic"},
        [
            {"members": [rules]},
            {"members": [network, rules]},
            {"members": [rules, network | {"center": 0.5}]},
            {"members": [rules, network | {"weight": 2}]},
            {"members": [rules | {"scale": 3}, network]},
            {"combine": "worst"},
            {"combine": "mean"},
            {"k": 2},
        ],
    )


@contextmanager
def length_debiased(folder: Path) -> Generator[Setting]:
    def trend(points: float) -> Path:
        knots = [{"characters": 10, "points": 0}, {"characters": 99, "points": points}]
        file = folder / f"{points}.json"
        file.write_text(json.dumps({"revision": CrossEncoder().revision, "knots": knots}))
        return file

    model = {"use": "reward_filters.cross_encoder:CrossEncoder"}
    yield {"model": model, "trend": trend(1)}, [{"trend": trend(2)}]


@contextmanager
def vllm_pooling(folder: Path) -> Generator[Setting]:
    one, other = folder / "one.jinja", folder / "other.jinja"
    one.write_text("{% for m in messages %}<|{{ m.role }}|>{{ m.content }}\n{% endfor %}")
    other.write_text(one.read_text() + ".")
    with served(vllm_app()) as url:
        yield (
            {"base_url": url, "model": "rm", "chat_template": one, "max_batch": 2},
            [{"chat_template": other}, {"model": "other"}],
        )


@contextmanager
def text_embeddings_inference(folder: Path) -> Generator[Setting]:
    def score(context: str, answer: str) -> Mapping[str, float]:
        return {"good": len(answer) - len(context) / 100, "bad": 0.5}

    with served(tei_app(score, most=2)) as url:
        yield (
            {"base_url": url, "model": "acme/rm", "max_batch": 2, "label": "good"},
            [{"label": "bad"}, {"turns": 2}, {"sha": "cafe"}, {"context_characters": 99}],
        )


@contextmanager
def llm_judge(folder: Path) -> Generator[Setting]:
    with served(judge_app(lambda prompt: 2 + len(prompt) % 7 / 7)) as url:
        yield (
            {"base_url": f"{url}/v1", "model": "judge"},
            [{"rubric": "Be kind."}, {"points": 9}, {"orders": 1}, {"turns": 1}],
        )


SETTINGS = {
    "cross_encoder:CrossEncoder": cross_encoder,
    "ensemble:Ensemble": ensemble,
    "heuristics:Heuristics": heuristics,
    "length_debiased:LengthDebiased": length_debiased,
    "llm_judge:LlmJudge": llm_judge,
    "text_embeddings_inference:TextEmbeddingsInference": text_embeddings_inference,
    "vllm_pooling:VllmPooling": vllm_pooling,
}
# Where a kind's claims are tested, if it can't run here.
TESTED_ELSEWHERE = {
    "transformers_model:TransformersModel": "tests/train/test_transformers_model.py"
}


def shipped_kinds() -> Sequence[str]:
    """Every class in reward_filters/ that is one of a reward model."""
    files = sorted((ROOT / "reward_filters").glob("*.py"))
    modules = {path.stem: import_module(f"reward_filters.{path.stem}") for path in files}
    return [
        f"{stem}:{name}"
        for stem, module in modules.items()
        for name, kind in vars(module).items()
        if isinstance(kind, type) and kind.__module__ == module.__name__
        if hasattr(kind, "score") and hasattr(kind, "revision")
    ]


@pytest.fixture(scope="module", params=sorted(SETTINGS))
def entry(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Entry]:
    with SETTINGS[request.param](tmp_path_factory.mktemp("reward")) as (options, changes):
        yield Entry(request.param, options, changes)


@asynccontextmanager
async def in_service(model: RewardModel) -> AsyncGenerator[RewardModel]:
    """The reward model, entered where it holds something open."""
    if isinstance(model, AbstractAsyncContextManager):
        async with model:
            yield model
    else:
        yield model


async def scores_of(
    model: RewardModel, answers: Sequence[str], conversation: Conversation = QUESTION
) -> list[float]:
    """The scores, which are proper ones, of answers that are left as they were."""
    asked, given = deepcopy(conversation), list(answers)
    scores = await model.score(conversation, given)
    assert conversation == asked
    assert given == list(answers)
    assert len(scores) == len(answers)
    assert all(math.isfinite(score) for score in scores)
    return [*scores]


@pytest.mark.parametrize("kind", shipped_kinds())
def test_every_reward_model_has_its_entry(kind: str):
    """Or another test that is named here."""
    assert kind in SETTINGS or (ROOT / TESTED_ELSEWHERE[kind]).is_file()


async def test_no_answers_have_no_scores(entry: Entry):
    """All candidates may have broken a policy."""
    async with in_service(entry.make()) as model:
        assert await scores_of(model, []) == []


async def test_odd_answers_and_conversations_are_survived(entry: Entry):
    """Either is whatever somebody sent, or a model sampled."""
    async with in_service(entry.make()) as model:
        for conversation in CONVERSATIONS:
            await scores_of(model, ANSWERS[:1], conversation)
        await scores_of(model, ODD_ANSWERS)


async def test_a_long_answer_is_no_way_to_stop_it(entry: Entry):
    """Fifty thousand characters: quadratic work would not end in time."""
    async with in_service(entry.make()) as model:
        await scores_of(model, [(unit * 50_000)[:50_000] for unit in LONG])


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(batches=st.lists(st.lists(ANY_TEXT, min_size=1, max_size=4), min_size=1, max_size=2))
async def test_an_answer_has_its_score_in_any_company_and_order(
    entry: Entry, batches: list[list[str]]
):
    """Alone, beside others, backwards: what is compared was scored at different times."""
    async with in_service(entry.make()) as model:
        for answers in (list(ANSWERS), *batches):
            together = await scores_of(model, answers)
            backwards = await scores_of(model, [*reversed(answers), ANSWERS[0]])
            assert together == pytest.approx(backwards[-2::-1])
            assert await scores_of(model, answers[:1]) == pytest.approx(together[:1])


async def test_different_answers_can_have_different_scores(entry: Entry):
    """Otherwise it would choose nothing."""
    async with in_service(entry.make()) as model:
        assert len(set(await scores_of(model, ANSWERS))) > 1


async def test_the_revision_names_what_gives_the_scores(entry: Entry):
    """Before it is open as afterwards, in another process too; another option, another name."""
    model = entry.make()
    revision = model.revision
    async with in_service(model):
        await scores_of(model, ANSWERS)
        assert model.revision == revision
    names = [entry.make().revision, *(entry.make(**changed).revision for changed in entry.changes)]
    assert names[0] == revision != ""
    assert len(set(names)) == len(names)


async def test_requests_at_the_same_time_do_not_disturb_each_other(entry: Entry):
    """And one whose customer hung up leaves the others alone."""
    async with in_service(entry.make()) as model:
        expected = await scores_of(model, ANSWERS)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(scores_of(model, ANSWERS)) for _ in range(4)]
            await asyncio.sleep(0.002)
            tasks[1].cancel()
        assert all(t.result() == pytest.approx(expected) for t in (*tasks[:1], *tasks[2:]))
        assert await scores_of(model, ANSWERS) == pytest.approx(expected)


async def test_one_that_was_closed_can_be_opened_again(entry: Entry):
    """The scores are the same."""
    model = entry.make()
    async with in_service(model):
        first = await scores_of(model, ANSWERS)
    async with in_service(model):
        assert await scores_of(model, ANSWERS) == pytest.approx(first)
