"""Where policy sets come from: the operator's folder, and those that are shipped."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import policies as shipped_policies
from gateway.config import PoliciesSettings
from gateway.errors import ConfigurationError
from gateway.policy_sets import PolicySet, load_policy_set

SHIPPED_SETS = Path(shipped_policies.__file__).parent


class PolicyStore:
    """The files of the sets that the settings name."""

    def __init__(self, settings: PoliciesSettings) -> None:
        self._settings = settings

    @property
    def always_on(self) -> Sequence[str]:
        """Names of the sets that judge every request."""
        return self._settings.sets

    def load(self) -> Mapping[str, PolicySet]:
        """Every set by name, always-on ones first; its policies are not opened.

        Raises:
            ConfigurationError: a set can't be found, or is not valid.
        """
        return {name: load_policy_set(path) for name, path in self._paths().items()}

    def stamp(self) -> str:
        """A hash that is another one as soon as any of the files is, or lies somewhere else."""
        digest = hashlib.sha256()
        try:
            for path in self._paths().values():
                digest.update(f"{path}\n{hashlib.sha256(path.read_bytes()).hexdigest()}".encode())
        except (OSError, ConfigurationError) as error:
            digest.update(f"{type(error).__name__}: {error}".encode())
        return digest.hexdigest()

    def _paths(self) -> Mapping[str, Path]:
        names = dict.fromkeys((*self._settings.sets, *self._settings.optional))
        return {name: self._path(name) for name in names}

    def _path(self, name: str) -> Path:
        folders = [f for f in (self._settings.folder, SHIPPED_SETS) if f is not None]
        places = [folder / f"{name}.yaml" for folder in folders]
        found = next((path for path in places if path.is_file()), None)
        if found is None:
            looked = ", ".join(str(path) for path in places)
            raise ConfigurationError(f"policies: no policy set {name!r}: looked for {looked}")
        return found
