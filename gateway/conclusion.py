"""What an exchange comes to: the choices that are shown, or the error in their place."""

from collections.abc import Sequence
from dataclasses import replace

from gateway.errors import (
    ContextLengthExceeded,
    GuardUnavailable,
    RequestError,
    UpstreamFailure,
    UpstreamRefusal,
    UpstreamTimeout,
    WinnowError,
)
from gateway.guard import Guard
from gateway.types import (
    Choice,
    ChoiceFinish,
    Exchange,
    ExchangeOutcome,
    ScoredCandidate,
    Selection,
)


def refused_input(exchange: Exchange, guard: Guard) -> Exchange | None:
    """The exchange with a template as its answer, if what the customer wrote may not be answered.

    A policy that could not run is not a block: that is an outage, and has no choices.
    """
    blocking = [s.blocked_by for s in exchange.input_screenings]
    last = blocking[-1]
    refused = last is not None and last.action != "error"
    if not refused and any(v is not None and v.action == "error" for v in blocking):
        return replace(exchange, outcome="guard_failed")
    if last is None:
        return None
    text = guard.template(last.category or "default", _last_words(exchange))
    choices = tuple(_template(i, text) for i in range(exchange.request.n_choices))
    return replace(exchange, outcome="blocked_input", choices=choices)


def concluded(exchange: Exchange, picks: Sequence[Selection], guard: Guard) -> Exchange:
    """The picks as choices, with a template where fewer candidates survived than were asked for.

    With no survivor at all it depends on why: every text blocked gives templates; a policy that
    could not run, or an upstream that gave nothing, gives an outcome that is an error.
    """
    blocking = [
        c.screening.blocked_by
        for c in exchange.candidates
        if c.screening is not None and c.screening.blocked_by is not None
    ]
    if not picks and any(verdict.action == "error" for verdict in blocking):
        return replace(exchange, outcome="guard_failed")
    if not picks and not blocking:
        return replace(exchange, outcome="upstream_failed")
    by_index = {c.candidate.index: c for c in exchange.candidates}
    shown = [_shown(i, pick, by_index[pick.index]) for i, pick in enumerate(picks)]
    missing = range(len(shown), exchange.request.n_choices)
    # Too few survivors without a block (draws failed or were cut short): fewer choices, no excuse.
    templates: list[Choice] = []
    if blocking and missing:
        text = guard.template(blocking[0].category or "default", _last_words(exchange))
        templates = [_template(i, text) for i in missing]
    outcome: ExchangeOutcome = "answered" if picks else "blocked_output"
    return replace(exchange, outcome=outcome, choices=(*shown, *templates))


def handed_over(exchange: Exchange, accepted: bool | None, guard: Guard) -> Exchange:
    """The exchange with word of the person who takes over, where one does."""
    if accepted:
        text = guard.template("handoff", _last_words(exchange))
        choices = tuple(_template(choice.index, text) for choice in exchange.choices)
        exchange = replace(exchange, choices=choices)
    return replace(exchange, handed_over=accepted)


def answered_or_raise(exchange: Exchange) -> Exchange:
    """The exchange if it has something to show; else the error that says why not."""
    if exchange.choices:
        return exchange
    if exchange.outcome == "guard_failed":
        raise GuardUnavailable("A policy that has to judge this text could not run.")
    if exchange.outcome == "upstream_failed":
        raise _upstream_error({c.candidate.error for c in exchange.candidates})
    raise WinnowError(f"exchange {exchange.id} ended as {exchange.outcome!r} with nothing to show")


def _upstream_error(errors: set[str | None]) -> WinnowError:
    """Why no draw gave an answer: the client's doing first, as trying again would not help."""
    if ContextLengthExceeded.code in errors:
        return RequestError(
            "The conversation is longer than the model can read.",
            code=ContextLengthExceeded.code,
            param="messages",
        )
    if UpstreamRefusal.code in errors:
        return RequestError("The model's server refused the request.", code=UpstreamRefusal.code)
    if UpstreamTimeout.code in errors or None in errors:  # a draw without an error was cut short
        return UpstreamTimeout("The model gave no answer in time.")
    return UpstreamFailure("The model's server gave no answer.")


def _shown(index: int, pick: Selection, winner: ScoredCandidate) -> Choice:
    finish: ChoiceFinish = "length" if winner.candidate.finish_reason == "length" else "stop"
    return Choice(
        index=index,
        text=winner.shown,
        finish_reason=finish,
        candidate_index=pick.index,
        selection=pick,
    )


def _template(index: int, text: str) -> Choice:
    return Choice(index=index, text=text, finish_reason="content_filter")


def _last_words(exchange: Exchange) -> str:
    """What the customer wrote last, as it was written: it says in which language to answer."""
    return exchange.input_screenings[-1].original
