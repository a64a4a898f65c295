"""When a draw has been silent for too long, and whether it may have a spare.

A spare is a second draw for the same slot; whichever ends first stands, and the other one is
cancelled. A few of them cut the slowest answers (Dean and Barroso, "The Tail at Scale", 2013), so
they are rationed: under overload everything is slow, and spares would make it slower.
"""

from collections import deque
from dataclasses import dataclass, field
from math import inf
from statistics import quantiles

_REMEMBERED = 512
_ENOUGH = 64
_SAVED = 4.0
_LEAST_MS = 50.0


@dataclass(slots=True)
class Silences:
    """How long one kind of silence lasts, from the last ones heard."""

    heard_ms: deque[float] = field(default_factory=lambda: deque[float](maxlen=_REMEMBERED))
    p95_ms: float = inf
    _since: int = 0

    def heard(self, ms: float) -> None:
        self.heard_ms.append(ms)
        self._since += 1
        # A quantile of all of them for every token would cost more than the token.
        if self._since == _ENOUGH:
            self._since = 0
            self.p95_ms = quantiles(self.heard_ms, n=20)[-1]


@dataclass(slots=True)
class Hedging:
    """What is known of one model's silences, and the ration of spares.

    A draw is a straggler when it has been silent `times` as long as 95 % of the silences of its
    kind (before the first token, or between two), and for `least_ms`, never under 50 ms. Every
    draw earns `share` of a spare, of which a few may be saved; 0 gives none, ever.
    """

    share: float = 0.02
    times: float = 4.0
    least_ms: float = 1000.0
    before_first: Silences = field(default_factory=Silences)
    between: Silences = field(default_factory=Silences)
    _earned: float = 0.0

    def drawn(self) -> None:
        """A draw was started."""
        self._earned = min(self._earned + self.share, _SAVED)

    def patience_ms(self, *, begun: bool) -> float:
        """How long a draw that has or has not begun may be silent; infinite without a spare."""
        if self._earned < 1:
            return inf
        usual = self.between if begun else self.before_first
        return max(self.times * usual.p95_ms, self.least_ms, _LEAST_MS)

    def spent(self) -> None:
        """A spare was started."""
        self._earned -= 1
