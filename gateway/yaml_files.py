"""Reads the YAML that people write: strictly, with the lines where things stand."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gateway.errors import ConfigurationError

# Of a file of some kilobytes aliases can make gigabytes.
_MOST_NODES = 500_000
_Pairs = Sequence[tuple[yaml.Node, yaml.Node]]


@dataclass(frozen=True, slots=True)
class YamlFile:
    """What a file says, and the nodes that say it."""

    content: Any
    node: yaml.Node | None

    def line(self, location: Sequence[str | int]) -> int:
        """The line of the deepest node on the way to a location that the file really has."""
        node, line = self.node, 1
        for key in location:
            if isinstance(node, yaml.SequenceNode):
                items: Sequence[yaml.Node] = node.value
                if not isinstance(key, int) or key >= len(items):
                    break
                node = items[key]
                line = node.start_mark.line + 1
            elif isinstance(node, yaml.MappingNode):
                pairs: _Pairs = node.value
                found = next(((k, v) for k, v in pairs if k.value == key), None)
                if found is None:
                    break
                line, node = found[0].start_mark.line + 1, found[1]
            else:
                break
        return line


def parse_yaml(text: str, path: Path) -> YamlFile:
    """What the text of a file says; tags that build objects are refused.

    Raises:
        ConfigurationError: naming the file and the line: it is not valid YAML, gives a key twice
            (of which YAML lets the last one win), refers to itself, or aliases make it too large.
    """
    loader = yaml.CSafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is not None:
            _check(node, path)
        content: Any = None if node is None else loader.construct_document(node)  # pyright: ignore[reportUnknownMemberType]  # the stub leaves it untyped
        return YamlFile(content, node)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        line = f":{mark.line + 1}" if mark else ""
        because = f": {problem}" if problem else ""
        raise ConfigurationError(f"{path}{line}: not valid YAML{because}") from None
    finally:
        loader.dispose()


def _check(root: yaml.Node, path: Path) -> None:
    sizes: dict[int, int] = {}
    if _expanded(root, path, sizes, set()) > _MOST_NODES:
        raise ConfigurationError(f"{path}: its aliases make it larger than {_MOST_NODES} values")


def _expanded(node: yaml.Node, path: Path, sizes: dict[int, int], above: set[int]) -> int:
    """How many nodes a node has below it once its aliases are written out."""
    place = id(node)
    if place in above:
        raise ConfigurationError(f"{path}:{node.start_mark.line + 1}: refers to itself")
    if place not in sizes:
        _refuse_twins(node, path)
        above.add(place)
        sizes[place] = 1 + sum(_expanded(n, path, sizes, above) for n in _below(node))
        above.remove(place)
    return sizes[place]


def _below(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value


def _refuse_twins(node: yaml.Node, path: Path) -> None:
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    pairs: _Pairs = node.value
    for key, _ in pairs:
        if isinstance(key, yaml.ScalarNode) and key.value in seen:
            line = key.start_mark.line + 1
            raise ConfigurationError(f"{path}:{line}: the key {key.value!r} is given twice")
        seen.add(str(key.value))
