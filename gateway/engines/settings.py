"""The `engine:` entry of a model in `winnow.yaml`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gateway.engines import catalogue
from gateway.errors import ConfigurationError


class LlamaCppEngine(BaseModel):
    """llama.cpp in a child process of its own.

    `weights` is a name of the catalogue, or the path of a GGUF file of yours. `context` is what
    one conversation may hold, in tokens, answer included; the cache for `parallel` times as many
    is set aside at start. `threads` left out means one less than the machine has cores.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["llamacpp"] = "llamacpp"
    weights: str
    parallel: int = Field(default=8, ge=1, le=256)
    context: int = Field(default=4096, ge=256)
    threads: int | None = Field(default=None, ge=1)
    ready_timeout_s: float = Field(default=120.0, gt=0)

    @property
    def weights_file(self) -> Path | None:
        """The user's own file, where `weights` names one."""
        return Path(self.weights).expanduser() if self.weights.endswith(".gguf") else None

    @field_validator("weights")
    @classmethod
    def _exists(cls, value: str) -> str:
        if not value.endswith(".gguf"):
            try:
                catalogue.find(value)
            except ConfigurationError as error:
                raise ValueError(f"{error}, or the path of a .gguf file") from error
        elif not Path(value).expanduser().is_file():
            raise ValueError(f"no file {value!r}")
        return value


class VllmEngine(BaseModel):
    """vLLM, run by the Python of an environment that has it.

    `model` is a folder or a name that vLLM knows; `args` go to its command line as they are, and
    `env` is laid over the gateway's own environment.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    kind: Literal["vllm"]
    model: str = Field(min_length=1)
    python: str = Field(default="python", min_length=1)
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    ready_timeout_s: float = Field(default=600.0, gt=0)

    @field_validator("args")
    @classmethod
    def _leaves_the_address_alone(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        ours = {"--host", "--port", "--model", "--served-model-name", "--api-key"}
        for argument in value:
            if argument.split("=", 1)[0] in ours:
                raise ValueError(f"{argument.split('=', 1)[0]!r} is set by the gateway")
        return value


EngineSettings = Annotated[LlamaCppEngine | VllmEngine, Field(discriminator="kind")]
