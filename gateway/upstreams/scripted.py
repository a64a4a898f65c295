"""An upstream that plays a script: for tests, demos and benchmarks. It ships, and is passed in."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.types import Completion, Conversation, SamplingParameters


@dataclass(frozen=True, slots=True)
class Line:
    """One answer, after `delay_s` seconds; or, where `failure` is given, that exception."""

    text: str = ""
    delay_s: float = 0.0
    finish_reason: str = "stop"
    failure: Exception | None = None


@dataclass(slots=True)
class ScriptedUpstream:
    """Answers with the script's lines in turn, from the start again when they are used up.

    It remembers the calls it saw, and which of them were cancelled.
    """

    script: Sequence[Line]
    calls: list[tuple[Conversation, SamplingParameters]] = field(
        default_factory=list[tuple[Conversation, SamplingParameters]]
    )
    cancelled: int = 0

    async def complete(
        self, conversation: Conversation, sampling: SamplingParameters
    ) -> Completion:
        line = self.script[len(self.calls) % len(self.script)]
        self.calls.append((conversation, sampling))
        try:
            await asyncio.sleep(line.delay_s)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if line.failure is not None:
            raise line.failure
        return Completion(
            text=line.text,
            finish_reason=line.finish_reason,
            prompt_tokens=sum(len(m.content.split()) for m in conversation.messages),
            completion_tokens=len(line.text.split()),
        )

    async def ready(self) -> bool:
        return True
