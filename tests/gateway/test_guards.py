"""The sets in force: a good change takes over whole, a bad one changes nothing and says why."""

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

from gateway.config import PoliciesSettings
from gateway.errors import ConfigurationError
from gateway.guards import Guards
from gateway.handoff import WebhookHandoff
from gateway.policy_files import Fallback
from gateway.policy_sets import PolicyEntry, PolicySet
from gateway.policy_store import PolicyStore
from gateway.types import Conversation, Finding, Subject

SET = """\
policies:
  - name: rude
    use: policies.terms:BlockedTerms
    stages: [output]
    on_fail: block
    options: {{terms: [{term}]}}
    examples: [{{text: "You {example}!", expect: block}}]
fallback: {{template: "No {term}."}}
"""
NOWHERE = Conversation(())


def write(folder: Path, term: str, example: str | None = None, name: str = "shop") -> None:
    text = SET.format(term=term, example=example or term)
    (folder / "new").write_text(text)
    (folder / "new").replace(folder / f"{name}.yaml")


@asynccontextmanager
async def in_force(folder: Path, reload_s: float = 0.0) -> AsyncGenerator[Guards]:
    settings = PoliciesSettings(folder=folder, sets=["shop"], optional=["extra"])
    async with Guards(
        PolicyStore(settings),
        open_handoff=WebhookHandoff,
        language_of=lambda _: None,
        reload_s=reload_s,
    ) as guards:
        yield guards


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "idiot")
    write(tmp_path, "moron", name="extra")
    return tmp_path


async def blocks(guards: Guards, text: str, *added: str) -> bool:
    async with guards.lease(added) as guard:
        return not (await guard.screen(text, "output", NOWHERE)).passed


async def test_a_request_may_add_a_set_and_never_take_one_off(folder: Path):
    """The always-on sets come first, each once."""
    async with in_force(folder) as guards:
        assert not await blocks(guards, "you moron")
        assert await blocks(guards, "you moron", "extra")
        assert await blocks(guards, "you idiot", "extra", "shop", "extra")


async def test_a_changed_file_takes_over_and_a_request_under_way_keeps_its_own(folder: Path):
    """One request is judged by one set from its beginning to its end."""
    async with in_force(folder) as guards, guards.lease() as before:
        write(folder, "clown")
        assert await guards.reload()
        assert await blocks(guards, "you clown")
        assert not await blocks(guards, "you idiot")
        assert not (await before.screen("you idiot", "output", NOWHERE)).passed
        assert before.template("any") == "No idiot."


async def test_nothing_changed_means_nothing_is_done(folder: Path):
    """Nor does a comment put other policies in force."""
    async with in_force(folder) as guards:
        assert not await guards.reload()
        digest = guards.in_force[0].digest
        file = folder / "shop.yaml"
        file.write_text("# why\n" + file.read_text())
        assert not await guards.reload()
        assert guards.in_force[0].digest == digest


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("policies: [", "not valid YAML"),
        (SET.format(term="clown", example="friend"), "example 0: expected 'block', got 'pass'"),
        (SET.format(term="clown", example="clown").replace("on_fail", "on_fial"), "'on_fail'"),
    ],
)
async def test_a_bad_change_is_refused_and_the_old_set_stays(folder: Path, broken: str, why: str):
    """It says why, each time it is asked, until the file is another one."""
    async with in_force(folder) as guards:
        (folder / "shop.yaml").write_text(broken)
        for _ in range(2):
            with pytest.raises(ConfigurationError, match=why):
                await guards.reload()
        assert guards.refused is not None
        assert await blocks(guards, "you idiot")
        write(folder, "clown")
        assert await guards.reload()
        assert guards.refused is None


async def test_a_change_that_fails_in_another_way_is_no_success(folder: Path):
    """Whatever a plug-in raises when it is made, the old set stays and the refusal is told."""
    async with in_force(folder) as guards:
        text = (folder / "shop.yaml").read_text()
        failing = text.replace("policies.terms:BlockedTerms", "tests.gateway.test_guards:Explodes")
        (folder / "shop.yaml").write_text(failing)
        with pytest.raises(ConfigurationError, match="can't be loaded: ZeroDivisionError"):
            await guards.reload()
        assert guards.refused is not None
        assert await blocks(guards, "you idiot")


class Explodes:
    """A policy that can't be made."""

    def __init__(self, **_: object) -> None:
        raise ZeroDivisionError

    async def judge(self, subject: Subject) -> Sequence[Finding]: ...


async def test_a_file_that_went_away_is_a_bad_change(folder: Path):
    """And its coming back is none."""
    async with in_force(folder) as guards:
        text = (folder / "shop.yaml").read_text()
        (folder / "shop.yaml").unlink()
        with pytest.raises(ConfigurationError, match="no policy set 'shop'"):
            await guards.reload()
        (folder / "shop.yaml").write_text(text)
        await guards.reload()
        assert await blocks(guards, "you idiot")


async def test_changed_files_are_noticed_without_being_told(folder: Path):
    """Also after a bad one."""
    async with in_force(folder, reload_s=0.01) as guards:
        (folder / "shop.yaml").write_text("policies: [")
        while guards.refused is None:
            await asyncio.sleep(0.01)
        write(folder, "clown")
        while not await blocks(guards, "you clown"):
            await asyncio.sleep(0.01)


@dataclass
class Held:
    """A policy that holds something open."""

    open: bool = False

    async def __aenter__(self) -> Self:
        self.open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self.open = False

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        del subject
        assert self.open
        return ()


class Shelf(PolicyStore):
    """A store whose set is made of what lies on it."""

    held = Held()

    def load(self) -> Mapping[str, PolicySet]:
        entries = (PolicyEntry("held", self.held, ("output",), "block"),)
        return {"shop": PolicySet("shop", entries, Fallback(), {}, str(id(self.held)))}

    def stamp(self) -> str:
        return str(id(self.held))


async def test_replaced_sets_are_closed_when_their_last_request_has_ended(folder: Path):
    """What they hold would else stay open for ever, or be missing too early."""
    shelf = Shelf(PoliciesSettings(folder=folder, sets=["shop"]))
    first = shelf.held
    guards = Guards(shelf, open_handoff=WebhookHandoff, language_of=lambda _: None)
    async with guards:
        async with guards.lease() as guard:
            second = shelf.held = Held()
            assert await guards.reload()
            assert (first.open, second.open) == (True, True)
            assert (await guard.screen("fine", "output", NOWHERE)).passed
        third = shelf.held = Held()
        assert await guards.reload()
        assert [held.open for held in (first, second, third)] == [False, False, True]
    assert not third.open


def test_a_set_in_the_folder_takes_the_place_of_the_shipped_one(folder: Path):
    """And one that is nowhere is named with the places that were looked in."""
    shipped = PolicyStore(PoliciesSettings(folder=folder)).load()["default"]
    write(folder, "clown", name="default")
    own = PolicyStore(PoliciesSettings(folder=folder)).load()["default"]
    assert own.digest != shipped.digest
    with pytest.raises(ConfigurationError, match=f"'none': looked for {folder}{os.sep}none.yaml, "):
        PolicyStore(PoliciesSettings(folder=folder, sets=["none"])).load()
