"""A ledger's URL, in a folder of its own, with this version's schema."""

from pathlib import Path

import pytest

from gateway.ledger.schema import upgrade


@pytest.fixture
def url(tmp_path: Path) -> str:
    address = f"sqlite:///{tmp_path}/winnow.db"
    upgrade(address)
    return address
