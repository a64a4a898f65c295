"""Builds a plug-in from `use: package.module:Class` and its options."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import Any, Protocol, TypeVar, cast

from pydantic import ImportString, TypeAdapter, ValidationError
from typing_extensions import get_protocol_members

from gateway.errors import ConfigurationError

T = TypeVar("T")

_IMPORT: TypeAdapter[Any] = TypeAdapter(ImportString[Any])


def build_plugin(use: str, options: Mapping[str, Any], place: str, seam: type[T]) -> T:
    """An instance of the class that `use` names, which must have all that `seam` asks for.

    An option that is itself such an entry, `{use: ..., ...}`, alone or inside lists and mappings,
    is built first: a plug-in may hold others. Nothing else is called: a config names what may be
    built, and not what may be done.

    Raises:
        ConfigurationError: naming `place` and the class or the option that is wrong.
    """
    plugin_class = _imported(use, place)
    methods = [m for m in sorted(get_protocol_members(seam)) if callable(getattr(seam, m))]
    lacking = [method for method in methods if not hasattr(plugin_class, method)]
    if not isinstance(plugin_class, type) or lacking:
        because = f": it has no {lacking[0]}()" if lacking else ""
        raise ConfigurationError(f"{place}: use: {use!r} is no class of a {seam.__name__}{because}")
    built = {name: _nested(value, f"{place}.{name}") for name, value in options.items()}
    try:
        return plugin_class(**built)
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


def _nested(value: Any, place: str) -> Any:
    """The option with the plug-ins that it names; what they must be, its holder says."""
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return [_nested(item, f"{place}.{i}") for i, item in enumerate(items)]
    if not isinstance(value, dict):
        return value
    entry = cast("dict[str, Any]", value)
    if isinstance(use := entry.get("use"), str) and ":" in use:
        options = {name: option for name, option in entry.items() if name != "use"}
        return build_plugin(use, options, place, _Anything)
    return {name: _nested(option, f"{place}.{name}") for name, option in entry.items()}


class _Anything(Protocol):
    """A seam that asks for nothing."""


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
