"""Several servers of one model: the next one is asked when one gives no answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.errors import UpstreamFailure, UpstreamRefusal, UpstreamTimeout
from gateway.protocols import Upstream
from gateway.types import Completion, Conversation, SamplingParameters


@dataclass(frozen=True, slots=True)
class Failover:
    """Tries its upstreams in order.

    One that took too long is not made up for by another, and a request that one refuses is
    refused.
    """

    upstreams: Sequence[Upstream]

    async def complete(
        self, conversation: Conversation, sampling: SamplingParameters
    ) -> Completion:
        *others, last = self.upstreams
        for upstream in others:
            try:
                return await upstream.complete(conversation, sampling)
            except (UpstreamTimeout, UpstreamRefusal):
                raise
            except UpstreamFailure:
                continue
        return await last.complete(conversation, sampling)

    async def ready(self) -> bool:
        for upstream in self.upstreams:
            if await upstream.ready():
                return True
        return False
