"""The command lines of the engines."""

import os
import sys
from pathlib import Path

from gateway.engines import llamacpp
from gateway.engines.launch import llamacpp_launch, vllm_launch
from gateway.engines.settings import LlamaCppEngine, VllmEngine


def ignore_progress(_name: str, _done: int, _total: int) -> None:
    """A progress callback for those who do not look."""


def option(argv: tuple[str, ...], name: str) -> str:
    return argv[argv.index(name) + 1]


def test_the_embedded_engine_leaves_a_core_to_the_gateway(tmp_path: Path) -> None:
    """Threads on all cores spin against the gateway's own, and everything gets slower."""
    own = tmp_path / "own.gguf"
    own.write_bytes(b"GGUF")
    settings = LlamaCppEngine(weights=str(own), parallel=3, context=1024)
    launch = llamacpp_launch(settings, "support", "key", tmp_path, ignore_progress)
    assert launch.argv[0] == sys.executable
    assert option(launch.argv, "--model") == str(own)
    assert option(launch.argv, "--threads") == str(max(1, (os.cpu_count() or 1) - 1))
    assert (option(launch.argv, "--parallel"), option(launch.argv, "--context")) == ("3", "1024")


def test_no_key_stands_on_a_command_line(tmp_path: Path) -> None:
    """Every user of the machine can read command lines."""
    own = tmp_path / "own.gguf"
    own.write_bytes(b"GGUF")
    embedded = llamacpp_launch(
        LlamaCppEngine(weights=str(own)), "support", "secret-key", tmp_path, ignore_progress
    )
    vllm = vllm_launch(VllmEngine(kind="vllm", model="m"), "support", "secret-key")
    assert embedded.env[llamacpp.KEY_VARIABLE] == vllm.env["VLLM_API_KEY"] == "secret-key"
    assert not any("secret-key" in word for word in embedded.argv + vllm.argv)


def test_vllm_listens_on_loopback_and_reports_to_nobody() -> None:
    """The operator's arguments come last, and usage statistics are off."""
    settings = VllmEngine(
        kind="vllm",
        model="/models/sft",
        python="/opt/vllm/bin/python",
        args=("--max-model-len", "2048"),
        env={"HF_HUB_OFFLINE": "1"},
    )
    launch = vllm_launch(settings, "support", "key")
    assert launch.argv[0] == "/opt/vllm/bin/python"
    assert launch.argv[-2:] == ("--max-model-len", "2048")
    assert option(launch.argv, "--host") == "127.0.0.1"
    assert option(launch.argv, "--served-model-name") == "support"
    assert launch.env["VLLM_NO_USAGE_STATS"] == "1"
    assert launch.env["HF_HUB_OFFLINE"] == "1"


def test_the_hub_switch_is_left_to_the_user() -> None:
    """Whether vLLM may reach a model hub is not ours to decide."""
    launch = vllm_launch(VllmEngine(kind="vllm", model="org/name"), "support", "key")
    assert "HF_HUB_OFFLINE" not in launch.env
