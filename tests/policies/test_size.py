"""Size: what is too long."""

import pytest
from pydantic import ValidationError

from policies.size import MaximumSize
from tests.policies.judging import found


async def test_the_last_allowed_character_passes():
    """The limit itself is not too long."""
    assert await found(MaximumSize(5), "12345") == []


async def test_what_is_beyond_the_limit_is_found():
    """Redacting it cuts the text to the limit."""
    assert await found(MaximumSize(5), "1234567") == ["67"]


def test_a_limit_of_nothing_is_refused():
    """It would block every text."""
    with pytest.raises(ValidationError):
        MaximumSize(0)
