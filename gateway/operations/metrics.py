"""Counts what the gateway did, for Prometheus: numbers and names, never a text."""

from prometheus_client import CollectorRegistry, Counter, generate_latest

from gateway.types import Exchange


class Metrics:
    """The counters of one process. Told of each exchange once it is recorded."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._exchanges = self._counter("exchanges", "Requests by outcome.", "model", "outcome")
        self._candidates = self._counter(
            "candidates", "Draws by what became of them.", "model", "outcome"
        )
        self._tokens = self._counter(
            "candidate_tokens", "Tokens sampled, by what became of the draw.", "model", "outcome"
        )
        self._blocked = self._counter(
            "candidates_blocked", "Draws that a policy kept back.", "model"
        )
        self._spares = self._counter(
            "candidate_spares", "Spares started for silent draws.", "model"
        )
        self._stops = self._counter("sampling_stops", "Why no more was sampled.", "model", "reason")
        self._failures = self._counter(
            "reward_failures", "Exchanges that no reward decided, by cause.", "cause"
        )

    def observe(self, exchange: Exchange) -> None:
        model = exchange.request.model
        self._exchanges.labels(model, exchange.outcome).inc()
        for scored in exchange.candidates:
            draw = scored.candidate
            self._candidates.labels(model, draw.outcome).inc()
            self._tokens.labels(model, draw.outcome).inc(max(0, draw.completion_tokens or 0))
            if scored.screening is not None and not scored.screening.passed:
                self._blocked.labels(model).inc()
            if draw.hedges is not None:
                self._spares.labels(model).inc()
        if exchange.stopped_by is not None:
            self._stops.labels(model, exchange.stopped_by).inc()
        if exchange.reward_failure is not None:
            self._failures.labels(exchange.reward_failure).inc()

    def rendered(self) -> bytes:
        """All of them in Prometheus' text format."""
        return generate_latest(self._registry)

    def _counter(self, name: str, told: str, *labels: str) -> Counter:
        return Counter(f"winnow_{name}", told, labels, registry=self._registry)
