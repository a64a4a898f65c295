"""A real vLLM pooling server scores, alone and behind a whole gateway. `setup.sh` makes vLLM."""

import json
import os
import subprocess
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request

from gateway.engines.settings import VllmEngine
from gateway.engines.supervisor import build_engine
from gateway.engines.weights import cache_folder
from gateway.protocols import RewardFailure
from gateway.types import Conversation, Message
from gateway.upstreams.scripted import Line
from reward_filters.chat_template import ChatTemplate
from reward_filters.vllm_pooling import VllmPooling
from tests.server.conftest import running, served

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]

HERE = Path(__file__).parent
PYTHON = HERE.parents[1] / ".venv-vllm" / "bin" / "python"
TOKENIZER = cache_folder() / "smollm2-135m-instruct-transformers"
OFFLINE = {**os.environ, "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
QUESTION = Conversation(
    (
        Message("user", "Hello."),
        Message("assistant", "Hi."),
        Message("user", "Where is my parcel? <|im_end|>"),
    ),
    "You are kind.",
)
ANSWERS = [
    "It is on its way.",
    "No.",
    "I am sorry. Please send me the number of your order, and I will look into it with you.",
    "Es tut mir leid, das weiß ich nicht.",
    "Hm.",
]
ENDPOINTS = pytest.mark.parametrize("endpoint", ["classify", "pooling"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny sequence-classification model with random weights and a real tokeniser."""
    made = tmp_path_factory.mktemp("reward") / "model"
    script = HERE / "make_reward_model.py"
    subprocess.run([PYTHON, script, TOKENIZER, made], env=OFFLINE, check=True, capture_output=True)
    return made


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    """A vLLM that serves it, as "rm"."""
    settings = VllmEngine(
        kind="vllm",
        model=str(folder),
        python=str(PYTHON),
        args=("--runner", "pooling", "--dtype", "float32", "--max-model-len", "512"),
        env={"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"},
    )
    with build_engine(settings, "rm") as engine:
        engine.start(lambda _name, _done, _total: None)
        yield engine.base_url.removesuffix("/v1")


@contextmanager
def old(url: str) -> Generator[str]:
    """The same server as if it were too old to know `use_activation`."""
    app = FastAPI(openapi_url=None)

    @app.post("/{endpoint}")
    async def forward(endpoint: str, request: Request) -> Any:  # pyright: ignore[reportUnusedFunction]
        body = await request.json()
        del body["use_activation"]
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            return (await client.post(endpoint, json=body)).raise_for_status().json()

    with served(app) as proxy:
        yield proxy


def transformers_logits(folder: Path, texts: list[str]) -> list[float]:
    command = [PYTHON, HERE / "logits.py", folder]
    run = subprocess.run(
        command, input=json.dumps(texts).encode(), env=OFFLINE, check=True, capture_output=True
    )
    return json.loads(run.stdout)


def activated(url: str, endpoint: str) -> list[float]:
    """What the server gives to who does not ask for raw scores."""
    body = {"model": "rm", "input": ANSWERS, "task": "classify"}
    data = httpx.post(f"{url}/{endpoint}", json=body, timeout=60).raise_for_status().json()["data"]
    return [(item.get("probs") or item["data"])[0] for item in data]


def made(url: str, folder: Path, **options: Any) -> VllmPooling:
    given: dict[str, Any] = {"base_url": url, "model": "rm", "chat_template": folder}
    return VllmPooling(**{**given, **options})


@ENDPOINTS
async def test_scores_are_the_logits_that_transformers_gives(url: str, folder: Path, endpoint: str):
    """Of the same rendered texts, in one request or in several."""
    template = ChatTemplate.load(folder)
    expected = transformers_logits(folder, [template.render(QUESTION, a) for a in ANSWERS])
    async with made(url, folder, endpoint=endpoint) as model:
        scores = await model.score(QUESTION, ANSWERS)
    async with made(url, folder, endpoint=endpoint, max_batch=2) as model:
        apart = await model.score(QUESTION, ANSWERS)
    assert scores == pytest.approx(expected, abs=1e-3)
    assert apart == pytest.approx(expected, abs=1e-3)
    assert max(scores) - min(scores) > 0.1


@ENDPOINTS
async def test_a_server_that_gives_probabilities_is_refused(url: str, folder: Path, endpoint: str):
    """With the activation all scores lie between 0 and 1."""
    assert all(0 < score < 1 for score in activated(url, endpoint))
    with old(url) as proxy:
        async with made(proxy, folder, endpoint=endpoint) as model:
            with pytest.raises(RewardFailure, match="probabilities"):
                await model.score(QUESTION, ANSWERS)


async def test_of_a_conversation_that_is_too_long_the_end_is_scored(url: str, folder: Path):
    """What differs before the last 512 tokens changes nothing; the answer does."""
    words = "one two " * 900
    async with made(url, folder) as model:
        long = await model.score(Conversation((Message("user", words),)), ANSWERS[:2])
        longer = await model.score(Conversation((Message("user", f"zero {words}"),)), ANSWERS[:2])
    assert longer == pytest.approx(long, abs=1e-3)
    assert long[0] != pytest.approx(long[1], abs=1e-3)


def test_a_whole_gateway_chooses_by_the_server(url: str, folder: Path, tmp_path: Path):
    """The answer that vLLM scores highest is sent, and its reward told."""
    words = ["I will look into it.", "Please send me the number of your order.", "One moment."]
    prompt = "You are kind. Our site is https://shop.example/help."
    asked = Conversation((Message("user", "Where is my order?"),), prompt)
    template = ChatTemplate.load(folder)
    logits = transformers_logits(folder, [template.render(asked, answer) for answer in words])
    reward = {
        "use": "reward_filters.vllm_pooling:VllmPooling",
        "base_url": url,
        "model": "rm",
        "chat_template": str(folder),
        "timeout_s": 60,
    }
    candidates = {"n": 3, "selection": {"use": "reward_filters.best_of_n:BestOfN"}}
    lines = [Line(answer) for answer in words]
    with running(tmp_path, lines, reward=reward, candidates=candidates) as gateway:
        body = gateway.chat().raise_for_status().json()
    assert body["choices"][0]["message"]["content"] == words[logits.index(max(logits))]
    assert body["winnow"]["reward"] == pytest.approx(max(logits), abs=1e-3)
