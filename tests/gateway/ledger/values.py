"""Strategies for every value that the ledger keeps."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import strategies as st

from gateway.types import Exchange, FeedbackEvent, SamplingParameters

_MOMENTS = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - hypothesis wants them without a zone
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-9, minutes=-30))]),
)


def any_text() -> st.SearchStrategy[str]:
    """Texts with lone surrogates, NUL, and the mark that escapes them."""
    hard = st.sampled_from(["\0", "\ud800", "\udfff", "\u241b", "\u241b0000", "\\u0000", "😀"])
    return st.text(st.characters(), max_size=12) | st.lists(hard, max_size=4).map("".join)


def _any_json() -> st.SearchStrategy[object]:
    leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | any_text()
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text(), inner, max_size=3),
        max_leaves=6,
    )


def _register() -> None:
    st.register_type_strategy(str, any_text())
    st.register_type_strategy(float, st.floats(allow_nan=False))
    st.register_type_strategy(datetime, _MOMENTS)
    st.register_type_strategy(SamplingParameters, _sampling())


def _sampling() -> st.SearchStrategy[SamplingParameters]:
    number = st.none() | st.floats(allow_nan=False)
    finite = st.dictionaries(any_text(), _any_json().filter(_finite), max_size=3)
    return st.builds(
        SamplingParameters,
        max_tokens=st.integers(),
        temperature=number,
        top_p=number,
        stop=st.lists(any_text(), max_size=2).map(tuple),
        seed=st.none() | st.integers(),
        extra=finite,
    )


def _finite(value: object) -> bool:
    """JSON from a client has no infinities: the parser refuses them."""
    return "inf" not in repr(value)


def any_exchange() -> st.SearchStrategy[Exchange]:
    return st.from_type(Exchange)


def any_event() -> st.SearchStrategy[FeedbackEvent]:
    return st.from_type(FeedbackEvent)


_register()
