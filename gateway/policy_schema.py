"""The JSON Schema of policy files, for editors: the file's keys and every shipped kind's options.

With it an editor completes `use` and the options of the kind that is used, and marks a misspelt
one where it stands. Other packages' kinds are let through with whatever options they have: the
gateway checks those when it reads the file.
"""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from pydantic import TypeAdapter

import policies as shipped_policies
from gateway.policy_files import EntryFile, PolicyFile
from gateway.protocols import Policy

Json = dict[str, Any]

# What is not in the shipped package; a name within it has to be one of those that are there.
_ELSEWHERE = r"^(?!policies\.)[\w.]+:\w+$"


def shipped_kinds() -> Mapping[str, type]:
    """Every policy class of the package `policies`, by the name that `use` has for it."""
    modules = [
        import_module(f"{shipped_policies.__name__}.{found.name}")
        for found in iter_modules(shipped_policies.__path__)
    ]
    return {
        f"{module.__name__}:{name}": member
        for module in modules
        for name, member in vars(module).items()
        if isinstance(member, type) and member.__module__ == module.__name__
        if issubclass(member, Policy) and not name.startswith("_")
    }


def policy_file_schema() -> Json:
    """JSON Schema (draft 2020-12) of a policy set's file, as plain JSON values."""
    schema = PolicyFile.model_json_schema()
    definitions: Json = schema["$defs"]
    kinds = shipped_kinds()
    conditions: list[Json] = []
    for use, kind in kinds.items():
        options = TypeAdapter(kind).json_schema()
        definitions |= options.pop("$defs", {})
        for option in options["properties"].values():
            if option.get("format") == "path":
                option.pop("default", None)  # where the package lies on this machine
        options["description"] = options.get("description", "").partition("\n\n")[0]
        conditions.append(_where_used(use, options))
    entry: Json = definitions[EntryFile.__name__]
    entry["properties"]["use"] = {
        "description": "The policy's class, `package.module:Class`.",
        "anyOf": [{"enum": list(kinds)}, {"type": "string", "pattern": _ELSEWHERE}],
    }
    entry["allOf"] = conditions
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _where_used(use: str, options: Json) -> Json:
    """The options of a kind, asked for in those entries that use it."""
    then: Json = {"properties": {"options": options}}
    if options.get("required"):
        then["required"] = ["options"]
    return {"if": {"properties": {"use": {"const": use}}, "required": ["use"]}, "then": then}
