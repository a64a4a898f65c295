"""A real vLLM, spawned and supervised like the embedded engine. `setup.sh` makes what it needs."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from gateway.engines.settings import VllmEngine
from gateway.engines.supervisor import Engine, build_engine
from gateway.engines.weights import cache_folder
from gateway.sampling import Race, Stopwatch
from gateway.types import Conversation, Message, SamplingParameters
from gateway.upstreams.dialects import DIALECTS
from gateway.upstreams.openai_compatible import OpenAICompatible

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-vllm" / "bin" / "python"
MODEL = cache_folder() / "smollm2-135m-instruct-transformers"


def ignore_progress(_name: str, _done: int, _total: int) -> None:
    """Nothing of ours is fetched for vLLM."""


def live_processes() -> dict[int, tuple[int, str]]:
    """The group and command line of each process by its id, without those that have ended."""
    found: dict[int, tuple[int, str]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode()
            state, _, group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z":
            found[int(folder.name)] = int(group), words
    return found


def family_of(engine: Engine) -> set[int]:
    """The ids of the keeper, the server and its workers.

    vLLM renames its workers, so they are found by their group and not by their command line.
    """
    port = f"\0{httpx.URL(engine.base_url).port}\0"
    processes = live_processes()
    groups = {group for group, words in processes.values() if port in words}
    return {pid for pid, (group, _) in processes.items() if group in groups}


def answer(engine: Engine) -> str:
    response = httpx.post(
        f"{engine.base_url}/chat/completions",
        json={
            "model": engine.model_name,
            "messages": [{"role": "user", "content": "Say hello."}],
            "max_tokens": 16,
        },
        headers={"Authorization": f"Bearer {engine.api_key}"},
        timeout=60,
    )
    return str(response.raise_for_status().json()["choices"][0]["message"]["content"])


def eventually(claim: Callable[[], bool], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if claim():
            return True
        time.sleep(1)
    return claim()


def answers(engine: Engine) -> bool:
    try:
        return bool(answer(engine))
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    settings = VllmEngine(
        kind="vllm",
        model=str(MODEL),
        python=str(PYTHON),
        args=("--dtype", "bfloat16", "--max-model-len", "2048"),
        env={"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"},
    )
    with build_engine(settings, "support") as engine:
        engine.start(ignore_progress)
        yield engine


def test_it_answers_a_chat_for_those_who_have_the_key(engine: Engine) -> None:
    """The served name answers, and nobody gets to the model past the policies."""
    assert answer(engine)
    assert httpx.get(f"{engine.base_url}/models").status_code == 401


def counted(engine: Engine, name: str) -> float:
    """One of vLLM's own metrics, summed over its labels."""
    text = httpx.get(engine.base_url.removesuffix("/v1") + "/metrics").text
    lines = (line for line in text.splitlines() if line.startswith(f"{name}{{"))
    return sum(float(line.rpartition(" ")[2]) for line in lines)


async def test_losers_stop_at_once_as_vllm_itself_counts(engine: Engine) -> None:
    """Four draws, one is kept: the others leave vLLM's queue, and generate nothing more."""
    asked = Conversation((Message("user", "Tell me a very long story about a parcel."),))
    before = counted(engine, "vllm:generation_tokens_total")
    upstream = OpenAICompatible(
        base_url=engine.base_url,
        model=engine.model_name,
        api_key=engine.api_key,
        dialect=DIALECTS["vllm"],
    )
    sampling = SamplingParameters(max_tokens=600, seed=7)
    async with upstream, Race(upstream, sampling, Stopwatch()) as race:
        race.start(asked, 4)
        assert await race.ended(asked, until_ms=120_000, checkpoint=8) == []
        assert counted(engine, "vllm:num_requests_running") == 4
        await race.keep({0})
        assert eventually(lambda: counted(engine, "vllm:num_requests_running") <= 1, within_s=3)
        [winner] = await race.ended(asked, until_ms=120_000)
    assert (winner.index, winner.outcome) == (0, "finished")
    # Each chunk told how many tokens there were, so that what was cut off is known as well.
    generated = counted(engine, "vllm:generation_tokens_total") - before
    assert all((c.completion_tokens or 0) >= 8 for c in race.candidates)
    assert race.tokens <= generated <= race.tokens + 100


def test_a_killed_server_comes_back_and_stop_leaves_nothing(engine: Engine) -> None:
    """`kill -9` of the server: its workers end too, a new one answers at the same address."""
    before, url = family_of(engine), engine.base_url
    assert len(before) >= 3, "a keeper, the API server and the engine core"
    server = min(before - {os.getpgid(next(iter(before)))})
    os.kill(server, signal.SIGKILL)
    assert eventually(lambda: not before & live_processes().keys(), within_s=30)
    assert eventually(lambda: answers(engine), within_s=600)
    assert engine.base_url == url
    running = family_of(engine)
    assert len(running) >= 3
    engine.stop()
    assert eventually(lambda: not running & live_processes().keys(), within_s=10)
