"""Builds a plug-in from `use: package.module:Class` and its options."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, TypeVar, cast, get_args, get_type_hints

from pydantic import BeforeValidator, ImportString, TypeAdapter, ValidationError
from typing_extensions import get_protocol_members

from gateway.errors import ConfigurationError
from gateway.protocols import Policy, RewardModel, Selector, StopRule

T = TypeVar("T")

_IMPORT: TypeAdapter[Any] = TypeAdapter(ImportString[Any])
_ENTRY = re.compile(r"[\w.]+:\w+")
_SEAMS = (RewardModel, StopRule, Selector, Policy)
_DEEPEST = 32
_HERE = Path()


def build_plugin(
    use: str, options: Mapping[str, Any], place: str, seam: type[T], folder: Path = _HERE
) -> T:
    """An instance of the class that `use` names, which must have all that `seam` asks for.

    An option that is itself such an entry, `{use: ..., ...}`, alone or inside lists and mappings,
    is built first: a plug-in may hold others. Only classes of a seam are called: a config names
    what may be built, and not what may be done. Options that are paths by the type of their field
    are taken from `folder`, where they are relative.

    Raises:
        ConfigurationError: naming `place` and the class or the option that is wrong.
    """
    return _built(use, options, place, seam, folder)


def _built(  # noqa: PLR0917 - the five of `build_plugin`, and how deep it stands
    use: str, options: Mapping[str, Any], place: str, seam: type[T], folder: Path, depth: int = 0
) -> T:
    plugin_class = _imported(use, place)
    methods = [m for m in sorted(get_protocol_members(seam)) if callable(getattr(seam, m))]
    lacking = [method for method in methods if not hasattr(plugin_class, method)]
    if not isinstance(plugin_class, type) or lacking:
        because = f": it has no {lacking[0]}()" if lacking else ""
        raise ConfigurationError(f"{place}: use: {use!r} is no class of a {seam.__name__}{because}")
    built = {
        name: _nested(value, f"{place}.{name}", folder, depth + 1)
        for name, value in options.items()
    }
    try:
        return plugin_class(**_anchored(plugin_class, built, folder))
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        # A misspelt option that is required fails twice: what is unknown says more than what lacks.
        unknown = (p for p in problems if p["type"] == "unexpected_keyword_argument")
        problem = next(unknown, problems[0])
        where = ": ".join((place, use, *(str(part) for part in problem["loc"])))
        reason = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "unexpected_keyword_argument":
            reason = f"no such option{_nearest(str(problem['loc'][-1]), _options(plugin_class))}"
        elif problem["type"] == "tuple_type":
            reason = "a list is meant here"
        raise ConfigurationError(f"{where}: {reason}") from None
    except TypeError as error:
        raise ConfigurationError(f"{place}: {use}: {error}") from None


def _nested(value: Any, place: str, folder: Path, depth: int) -> Any:
    """The option with the plug-ins that it names."""
    if depth > _DEEPEST:
        raise ConfigurationError(f"{place}: nested deeper than {_DEEPEST} levels")
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return [_nested(item, f"{place}.{i}", folder, depth + 1) for i, item in enumerate(items)]
    if not isinstance(value, dict):
        return value
    entry = cast("dict[str, Any]", value)
    if isinstance(use := entry.get("use"), str) and _ENTRY.fullmatch(use):
        options = {name: option for name, option in entry.items() if name != "use"}
        return _built(use, options, place, _seam(use, place), folder, depth)
    return {k: _nested(option, f"{place}.{k}", folder, depth + 1) for k, option in entry.items()}


def _seam(use: str, place: str) -> type[Any]:
    """The seam that the class has all members of; whether its holder wants that one, it says."""
    plugin_class = _imported(use, place)
    known = {*dir(plugin_class), *_options(plugin_class)}
    found = next((seam for seam in _SEAMS if known >= get_protocol_members(seam)), None)
    if found is None:
        names = ", ".join(seam.__name__ for seam in _SEAMS)
        raise ConfigurationError(f"{place}: use: {use!r} is no class of any of {names}")
    return found


def _anchored(plugin_class: type, options: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """The options with those that are relative paths taken from `folder`."""
    hints = get_type_hints(plugin_class, include_extras=True) if is_dataclass(plugin_class) else {}
    return {
        name: _in_folder(value, hints[name], folder)
        if name in hints and isinstance(value, str)
        else value
        for name, value in options.items()
    }


def _in_folder(value: str, hint: Any, folder: Path) -> str:
    """A field that also takes other texts holds a path where there is something at that path."""
    if not _takes(hint, Path) or (_takes(hint, str) and not (folder / value).exists()):
        return value
    return str(folder / value)


def _takes(hint: Any, wanted: type) -> bool:
    """Whether a value of that type is among those that a field may be given."""
    if isinstance(hint, BeforeValidator):
        return _takes(hint.json_schema_input_type, wanted)
    return hint is wanted or any(_takes(part, wanted) for part in get_args(hint))


def _imported(use: str, place: str) -> Any:
    try:
        return _IMPORT.validate_python(use)
    except ValidationError as error:
        reason = error.errors(include_url=False, include_input=False)[0]["msg"]
    except (TypeError, ValueError) as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001 - a module may do anything when it is imported
        reason = f"its module raises {type(error).__name__}"
    raise ConfigurationError(f"{place}: use: {use!r}: {reason}{_nearest_class(use)}")


def _nearest_class(use: str) -> str:
    """The class or the module that was probably meant."""
    module_name, _, class_name = use.partition(":")
    package_name, _, name = module_name.rpartition(".")
    try:
        return _nearest(class_name, dir(import_module(module_name)))
    except Exception:  # noqa: BLE001 - then it is the module that is not there, or fails
        spec = find_spec(package_name) if package_name.isidentifier() else None
        folders = spec.submodule_search_locations if spec is not None else None
        return _nearest(name, [module.name for module in iter_modules(folders or [""])])


def _options(plugin_class: type) -> list[str]:
    return [field.name for field in fields(plugin_class)] if is_dataclass(plugin_class) else []


def _nearest(name: str, names: Sequence[str]) -> str:
    near = get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
