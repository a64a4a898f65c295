"""Several servers of one model: the next one is asked when one gives no answer."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from gateway.errors import UpstreamFailure, UpstreamRefusal, UpstreamTimeout
from gateway.protocols import Upstream
from gateway.types import Conversation, Fragment, SamplingParameters


@dataclass(frozen=True, slots=True)
class Failover:
    """Tries its upstreams in order.

    One that took too long is not made up for by another, a request that one refuses is refused,
    and an answer that has begun is not begun again.
    """

    upstreams: Sequence[Upstream]

    @property
    def together(self) -> bool:
        return all(upstream.together for upstream in self.upstreams)

    @property
    def seeds(self) -> bool:
        return all(upstream.seeds for upstream in self.upstreams)

    async def sample(
        self, conversation: Conversation, sampling: SamplingParameters, n: int = 1
    ) -> AsyncGenerator[Fragment]:
        last = len(self.upstreams) - 1
        for i, upstream in enumerate(self.upstreams):
            begun = False
            try:
                async with aclosing(upstream.sample(conversation, sampling, n)) as fragments:
                    async for fragment in fragments:
                        ended = fragment.finish_reason or fragment.error
                        begun = begun or bool(fragment.text or ended)
                        yield fragment
            except (UpstreamTimeout, UpstreamRefusal):
                raise
            except UpstreamFailure:
                if begun or i == last:
                    raise
            else:
                return

    async def ready(self) -> bool:
        for upstream in self.upstreams:
            if await upstream.ready():
                return True
        return False
