"""What the servers that speak the OpenAI API do differently, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one kind of server does differently.

    `seeds`: a request may carry a seed. (One kills a vLLM CPU engine.)
    `together`: several answers are asked for by `n` in one call. None of them can then be left
    alone, so it pays only where the prompt is billed once for all of them.
    `stream_options`: what asks for token counts; with `continuous_usage_stats` they are exact for
    answers that are cut off, too.
    """

    name: str
    seeds: bool
    together: bool = False
    stream_options: Mapping[str, bool] = field(default_factory=lambda: {"include_usage": True})

    @property
    def counts_each(self) -> bool:
        """Whether the counts in a chunk are of the answer that the chunk is of."""
        return self.stream_options.get("continuous_usage_stats", False)


DIALECTS: Mapping[str, Dialect] = {
    d.name: d
    for d in (
        Dialect("openai", seeds=True),
        Dialect("llamacpp", seeds=True),
        Dialect(
            "vllm",
            seeds=False,
            stream_options={"include_usage": True, "continuous_usage_stats": True},
        ),
    )
}
