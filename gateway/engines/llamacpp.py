"""The embedded engine's program: llama.cpp's own server, on loopback, until it is told to stop.

It runs in a child process, because a crash of native code must not take the gateway along. It
imports nothing of the gateway, so that it starts fast and can be run by its file's path.
"""

# pyright: reportMissingTypeStubs=false, reportAttributeAccessIssue=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# (xllamacpp is a compiled module without types)

import argparse
import os
import signal
import sys

KEY_VARIABLE = "WINNOW_ENGINE_KEY"
"""The environment variable with the API key that the server demands."""

_WARNINGS_ONLY = 2


def serve(options: argparse.Namespace, api_key: str) -> None:
    """Load the model, serve it on 127.0.0.1, and return when a signal ends the process."""
    import xllamacpp  # noqa: PLC0415 - an optional extra: `--help` and the message below need none

    params = xllamacpp.CommonParams()
    params.model.path = options.model
    params.model_alias = {options.alias}
    params.hostnames = ["127.0.0.1"]
    params.port = options.port
    params.api_keys = [api_key]
    params.fit_params = False  # what does not fit in memory is an error, not a shorter context
    params.n_parallel = options.parallel
    params.n_ctx = options.parallel * options.context  # llama.cpp divides it among the slots
    params.cpuparams.n_threads = options.threads
    params.cpuparams_batch.n_threads = options.threads
    # By default the server keeps up to 8 GiB of earlier prompts, shows those in work at /slots,
    # lets any page of a browser call it, and serves a chat page that no policy guards.
    params.cache_ram_mib = 0
    params.endpoint_slots = False
    params.endpoint_metrics = True  # numbers alone, for those who have the key
    params.cors_origins = "http://127.0.0.1"
    params.ui = False
    params.verbosity = _WARNINGS_ONLY
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as error:  # llama.cpp has printed why
        sys.exit(f"llama.cpp cannot serve {options.model}: {error}")
    signal.pause()
    del server  # it serves as long as it is referenced


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="path of a GGUF file")
    parser.add_argument("--alias", required=True, help="the model's name in the API")
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--parallel", required=True, type=int, help="answers sampled at once")
    parser.add_argument("--context", required=True, type=int, help="tokens for each of them")
    parser.add_argument("--threads", required=True, type=int)
    options = parser.parse_args()
    api_key = os.environ.pop(KEY_VARIABLE, "")
    if not api_key:
        parser.error(f"the environment variable {KEY_VARIABLE} must hold the server's API key")
    try:
        serve(options, api_key)
    except ModuleNotFoundError as error:
        sys.exit(
            f"the embedded engine needs {error.name}, of Winnow's extra `embedded`: "
            "pip install '.[embedded]'"
        )


if __name__ == "__main__":
    main()
