"""An upstream that plays a script: for tests, demos and benchmarks. It ships, and is passed in."""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from gateway.types import Conversation, Fragment, SamplingParameters

_WORD = re.compile(r"\S+\s*|\s+")


@dataclass(frozen=True, slots=True)
class Line:
    """One answer: after `delay_s` seconds its words, `pace_s` apart; each counts as a token.

    Without a pace it comes in one piece. With `failure` that exception comes at the end of it.
    """

    text: str = ""
    delay_s: float = 0.0
    finish_reason: str = "stop"
    failure: Exception | None = None
    pace_s: float = 0.0


@dataclass(slots=True)
class ScriptedUpstream:
    """Answers with the script's lines in turn, from the start again when they are used up.

    It remembers the calls it saw, how many of them were cancelled, and how many tokens it gave.
    """

    script: Sequence[Line]
    together: bool = False
    seeds: bool = True
    calls: list[tuple[Conversation, SamplingParameters]] = field(
        default_factory=list[tuple[Conversation, SamplingParameters]]
    )
    cancelled: int = 0
    tokens: int = 0
    _played: int = 0

    async def sample(
        self, conversation: Conversation, sampling: SamplingParameters, n: int = 1
    ) -> AsyncGenerator[Fragment]:
        self.calls.append((conversation, sampling))
        lines = [self.script[(self._played + i) % len(self.script)] for i in range(n)]
        self._played += n
        prompt_tokens = sum(len(m.content.split()) for m in conversation.messages)
        try:
            for draw, line in enumerate(lines):
                await asyncio.sleep(line.delay_s)
                for piece in (
                    _WORD.findall(line.text) if line.pace_s else [line.text] * bool(line.text)
                ):
                    await asyncio.sleep(line.pace_s)
                    tokens = len(piece.split())
                    self.tokens += tokens
                    yield Fragment(piece, draw, tokens)
                if line.failure is not None:
                    raise line.failure
                total = len(line.text.split())
                yield Fragment("", draw, 0, line.finish_reason, prompt_tokens, total)
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise

    async def ready(self) -> bool:
        return True
