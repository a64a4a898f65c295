"""The few exceptions that cross a module's border. `app` maps each to HTTP, once.

    WinnowError
    ├── ConfigurationError      a config, policy set or plug-in is wrong; the process does not start
    ├── EngineFailure           a local engine did not start, or its weights are not to be had
    ├── RequestError            the client's doing; has an HTTP status, a code and a parameter
    └── Unavailable             503 with Retry-After: nothing wrong with the request
        ├── UpstreamFailure     no complete answer came
        │   ├── UpstreamTimeout 504: it took too long
        │   └── UpstreamRefusal the model's server takes no such request, here or elsewhere
        │       └── ContextLengthExceeded  the conversation is longer than the model can read
        ├── GuardUnavailable    a policy that must run could not
        └── LedgerUnavailable   the exchange or vote could not be made durable

A block is not here: it is a value (`Screening.blocked_by`).
"""

from typing import ClassVar


class WinnowError(Exception):
    """Anything that this gateway raises on purpose."""


class ConfigurationError(WinnowError):
    """The message names the file, the key's path and the offending value."""


class EngineFailure(WinnowError):
    """A local engine did not start, or its weights could not be fetched: the message says why."""


class RequestError(WinnowError):
    """A request that cannot be served as it is. The message never quotes the customer's text."""

    def __init__(
        self, message: str, *, status: int = 400, code: str | None = None, param: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param


class Unavailable(WinnowError):
    """Something that the request needs is out of order; trying again later may work."""

    status: ClassVar[int] = 503
    code: ClassVar[str] = "unavailable"
    retry_after_s: ClassVar[int] = 5


class UpstreamFailure(Unavailable):
    """No complete answer came from the model's server."""

    code = "upstream_unavailable"


class UpstreamTimeout(UpstreamFailure):
    """The model's server took longer than the deadline."""

    status = 504
    code = "upstream_timeout"


class UpstreamRefusal(UpstreamFailure):
    """The model's server finds fault with the request itself: trying again is of no use.

    Once it reaches the client it is a `RequestError`: see `conclusion`.
    """

    code = "upstream_refused"


class ContextLengthExceeded(UpstreamRefusal):
    """The conversation is longer than the model can read."""

    code = "context_length_exceeded"


class GuardUnavailable(Unavailable):
    """A policy that must run before a text may pass could not run."""

    code = "guard_unavailable"


class LedgerUnavailable(Unavailable):
    """What must be durable before it is acknowledged could not be written."""

    code = "ledger_unavailable"


class Conflict(RequestError):
    """The same Idempotency-Key was used for something else."""

    def __init__(self, message: str) -> None:
        super().__init__(message, status=409, code="idempotency_conflict", param="Idempotency-Key")
