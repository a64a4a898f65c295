"""Prints the path of the test model's GGUF file, fetched if it is not in the cache."""

import sys

from gateway.engines.catalogue import find
from gateway.engines.weights import cache_folder, pull


def ignore_progress(_name: str, _done: int, _total: int) -> None:
    """A progress callback for those who do not look."""


sys.stdout.write(f"{pull(find('smollm2-135m-instruct'), cache_folder(), ignore_progress)}\n")
