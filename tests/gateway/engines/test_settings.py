"""The `engine:` entry of a model."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from gateway.engines.settings import EngineSettings, LlamaCppEngine, VllmEngine

ADAPTER: TypeAdapter[LlamaCppEngine | VllmEngine] = TypeAdapter(EngineSettings)


def test_the_kind_decides() -> None:
    """Each kind has its own keys."""
    llamacpp = ADAPTER.validate_python({"kind": "llamacpp", "weights": "smollm2-135m-instruct"})
    vllm = ADAPTER.validate_python({"kind": "vllm", "model": "/models/sft", "args": ["--x"]})
    assert isinstance(llamacpp, LlamaCppEngine)
    assert isinstance(vllm, VllmEngine)
    assert vllm.args == ("--x",)


@pytest.mark.parametrize(
    "entry",
    [
        {"kind": "llamacpp", "weights": "smollm2-135m-instruct", "model": "x"},
        {"kind": "vllm", "model": "x", "weights": "y"},
        {"kind": "tgi", "model": "x"},
        {"kind": "llamacpp", "weights": "smollm2-135m-instruct", "parallel": 0},
    ],
)
def test_what_does_not_fit_the_kind_is_refused(entry: dict[str, object]) -> None:
    """A key of another kind, an unknown kind or a senseless number does not start."""
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(entry)


def test_unknown_weights_are_answered_with_the_nearest_name() -> None:
    """The message of the catalogue arrives in the validation error."""
    with pytest.raises(ValidationError, match=r"'qwen2.5-0.5b'.*qwen2.5-coder-0.5b-instruct"):
        ADAPTER.validate_python({"kind": "llamacpp", "weights": "qwen2.5-0.5b"})


def test_a_file_of_ones_own_is_taken_by_its_path(tmp_path: Path) -> None:
    """A GGUF file need not be in the catalogue, but it must be there."""
    own = tmp_path / "support-sft.gguf"
    own.write_bytes(b"GGUF")
    assert LlamaCppEngine(weights=str(own)).weights_file == own
    assert LlamaCppEngine(weights="smollm2-135m-instruct").weights_file is None
    with pytest.raises(ValidationError, match=r"no file .*gone\.gguf"):
        LlamaCppEngine(weights=str(tmp_path / "gone.gguf"))


@pytest.mark.parametrize("argument", ["--port", "--host=0.0.0.0", "--api-key"])
def test_extra_arguments_cannot_move_the_server(argument: str) -> None:
    """The address and the key are the gateway's: vLLM never listens beyond loopback."""
    with pytest.raises(ValidationError, match="is set by the gateway"):
        VllmEngine(kind="vllm", model="x", args=(argument,))
