"""The training tests need torch: they are collected in `.venv-train` (`make test-train`) alone."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("torch") else ["test_*.py"]
