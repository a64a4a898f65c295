"""Claims about the network that the guard models share, with the shipped weights."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from shutil import copyfile

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.encoder import (
    SHIPPED_WEIGHTS,
    Encoder,
    ReadText,
    TooMuchToReadError,
    shared_encoder,
)
from policies.network import CARD_FILE, MODEL_FILE, TOKENIZER_FILE

LONG = "My order is late and nobody answers. I have written three times. " * 40
ANY_TEXT = st.text(st.characters(), max_size=300)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def encoder() -> AsyncIterator[Encoder]:
    async with shared_encoder(SHIPPED_WEIGHTS) as opened:
        yield opened


def folder_of_its_own(folder: Path) -> Path:
    """A copy of the shipped weights: an encoder that no other test shares."""
    for name in (MODEL_FILE, TOKENIZER_FILE, CARD_FILE):
        copyfile(SHIPPED_WEIGHTS / name, folder / name)
    return folder


def fewer_windows(folder: Path, most: int) -> Encoder:
    encoder = shared_encoder(folder_of_its_own(folder))
    encoder.card = replace(encoder.card, most_windows=most)
    return encoder


@pytest.mark.asyncio(loop_scope="module")
async def test_every_head_gives_a_probability(encoder: Encoder):
    """One window for a short text, over all of it."""
    [window] = (await encoder.read("Where is my parcel?")).windows
    assert (window.start, window.end) == (0, 19)
    assert set(window.probabilities) == set(encoder.card.heads)
    assert all(0 < p < 1 for p in window.probabilities.values())


@pytest.mark.asyncio(loop_scope="module")
async def test_windows_overlap_and_cover_the_text(encoder: Encoder):
    """No sentence is lost between two windows, and none is left at the end."""
    read = await encoder.read(LONG)
    windows = read.windows
    assert windows[0].start == 0
    assert windows[-1].end == len(LONG.rstrip())
    assert len(windows) > 5
    for before, after in pairwise(windows):
        assert before.start < after.start < before.end < after.end
    assert read.unread is None


@pytest.mark.asyncio(loop_scope="module")
async def test_a_window_says_what_its_text_says_alone(encoder: Encoder):
    """A verdict depends on no other part of the text, to the last bit."""
    first = (await encoder.read(LONG)).windows[0]
    [alone] = (await encoder.read(LONG[first.start : first.end])).windows
    assert alone.probabilities == first.probabilities


@settings(deadline=None, max_examples=40)
@given(text=ANY_TEXT)
def test_any_text_is_read_within_its_bounds(text: str):
    """Lone surrogates, NUL and emptiness too, each in an event loop of its own."""
    read = asyncio.run(shared_encoder(SHIPPED_WEIGHTS).read(text))
    for window in read.windows:
        assert 0 <= window.start <= window.end <= len(text)
        assert all(0 <= p <= 1 for p in window.probabilities.values())


async def test_what_is_beyond_the_last_window_is_named(tmp_path: Path):
    """A text that is too long to be read is never taken for one that was."""
    async with fewer_windows(tmp_path, 2) as encoder:
        read = await encoder.read(LONG)
        assert len(read.windows) == 2
        assert read.unread is not None
        assert read.windows[-1].end <= read.unread < len(LONG)


async def test_whoever_asks_for_one_folder_shares_its_network():
    """Several entries of a set, and the old and the new set at a reload."""
    assert shared_encoder(SHIPPED_WEIGHTS) is shared_encoder(SHIPPED_WEIGHTS)


async def test_one_text_is_read_once_for_all_who_ask(tmp_path: Path):
    """At the same time and later, the very same answer is given."""
    async with shared_encoder(folder_of_its_own(tmp_path)) as encoder:
        together = await asyncio.gather(*(encoder.read(LONG) for _ in range(4)))
        later = await encoder.read(LONG)
    assert all(read is together[0] for read in (*together, later))


async def test_one_who_goes_away_takes_nothing_from_the_others(tmp_path: Path):
    """Of two who wait for a text one is cancelled, the other gets it."""
    async with shared_encoder(folder_of_its_own(tmp_path)) as encoder:
        async with asyncio.TaskGroup() as group:
            gone = group.create_task(encoder.read(LONG))
            stays = group.create_task(encoder.read(LONG))
            await asyncio.sleep(0)
            gone.cancel()
        assert stays.result().windows


async def test_a_text_that_nobody_waits_for_is_given_up(tmp_path: Path):
    """A customer who hangs up costs no more than the window at work."""
    async with shared_encoder(folder_of_its_own(tmp_path)) as encoder:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await encoder.read(LONG)
        assert await encoder.read(LONG) == await encoder.read(LONG)


async def test_a_short_text_need_not_wait_for_a_long_one(tmp_path: Path):
    """Texts take turns, window by window."""
    async with shared_encoder(folder_of_its_own(tmp_path)) as encoder:
        ended: list[str] = []

        async def read(text: str) -> None:
            await encoder.read(text)
            ended.append(text)

        async with asyncio.TaskGroup() as group:
            group.create_task(read(LONG))
            await asyncio.sleep(0)
            group.create_task(read("Where is my parcel?"))
    assert ended == ["Where is my parcel?", LONG]


async def test_short_texts_need_not_wait_for_many_long_ones(tmp_path: Path):
    """Twenty long texts that came before are overtaken, and are all read in the end."""
    async with shared_encoder(folder_of_its_own(tmp_path)) as encoder:
        ended: list[str] = []

        async def read(text: str) -> None:
            await encoder.read(text)
            ended.append(text)

        long = [f"{n} {LONG}" for n in range(20)]
        short = [f"Where is parcel {n}?" for n in range(5)]
        async with asyncio.TaskGroup() as group:
            for text in long:
                group.create_task(read(text))
            await asyncio.sleep(0)
            for text in short:
                group.create_task(read(text))
    assert ended[:5] == short
    assert sorted(ended[5:]) == sorted(long)


async def test_a_long_text_is_read_while_short_ones_keep_coming(tmp_path: Path):
    """Every fourth window is the one of the text that waits longest."""
    async with shared_encoder(folder_of_its_own(tmp_path)) as encoder:
        long = asyncio.ensure_future(encoder.read(LONG))
        customers = 0

        async def customer() -> None:
            nonlocal customers
            while not long.done():
                customers += 1
                await encoder.read(f"Where is parcel {customers}?")

        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(customer())
    assert 10 < customers < 500


async def test_more_long_texts_than_can_be_read_are_turned_away(tmp_path: Path):
    """At once, so that nobody waits in vain; a short text is taken all the same."""
    async with shared_encoder(folder_of_its_own(tmp_path)) as encoder:
        waiting = [asyncio.ensure_future(encoder.read(f"{n} {LONG * 8}")) for n in range(30)]
        await asyncio.sleep(0)
        with pytest.raises(TooMuchToReadError, match="windows to read already"):
            await encoder.read(f"One more: {LONG * 8}")
        assert (await encoder.read("Where is my parcel?")).windows
        for task in waiting:
            task.cancel()
        ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(end) for end in ends} == {TooMuchToReadError, asyncio.CancelledError}


async def test_of_parts_only_the_windows_that_touch_them_are_read(tmp_path: Path):
    """They are the same windows as of the whole text."""
    async with shared_encoder(folder_of_its_own(tmp_path)) as encoder:
        whole = (await encoder.read(LONG)).windows
        parts = [(0, 1), (1000, 1010), (len(LONG) - 2, len(LONG) - 1)]
        read = (await encoder.read(LONG, parts)).windows
        assert (await encoder.read(LONG, [])).windows == ()
    touched = [w for w in whole if any(w.start < end and start < w.end for start, end in parts)]
    assert list(read) == touched
    assert 2 < len(read) < len(whole) / 2


async def test_it_closes_with_its_last_user_and_opens_again(tmp_path: Path):
    """A reload enters the new set before it leaves the old one."""
    encoder = shared_encoder(folder_of_its_own(tmp_path))
    async with encoder:
        async with encoder:
            first = await encoder.read("Hello")
        assert await encoder.read("Hello") is first
    async with encoder:
        again = await encoder.read("Hello")
    assert again == first
    assert again is not first


async def test_closing_tells_those_who_wait(tmp_path: Path):
    """Nobody waits for ever for a thread that is gone."""
    encoder = shared_encoder(folder_of_its_own(tmp_path))

    async def late() -> ReadText:
        return await encoder.read(LONG)

    async with encoder:
        waiting = asyncio.ensure_future(late())
        await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="closed"):
        await waiting


async def test_other_bytes_than_the_card_names_are_refused(tmp_path: Path):
    """A half-copied or exchanged file must not judge anybody."""
    folder = folder_of_its_own(tmp_path)
    with (folder / MODEL_FILE).open("ab") as model:
        model.write(b"x")
    encoder = shared_encoder(folder)
    with pytest.raises(ValueError, match=r"model\.onnx.*sha256"):
        async with encoder:
            pass
    with pytest.raises(ValueError, match="sha256"):
        await encoder.read("Hello")


def test_a_folder_without_a_model_is_named(tmp_path: Path):
    """With the file that it lacks."""
    with pytest.raises(ValueError, match=r"model\.onnx"):
        shared_encoder(tmp_path)
