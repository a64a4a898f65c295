"""A policy file into a policy set: ordered policies, what follows from each, the texts shown.

The order in the file is the order of precedence. A set has a digest over all that it says, which
is stored with every exchange.
"""

import hashlib
import json
import os
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from gateway.environment import substituted
from gateway.errors import ConfigurationError
from gateway.plugins import build_plugin
from gateway.policy_files import (
    EntryFile,
    Example,
    Fallback,
    PolicyFile,
    Templates,
    Window,
    read_policy_file,
)
from gateway.protocols import Policy
from gateway.types import ROLES, OnError, OnFail, PolicyMode, Role, Stage


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """A policy in its place in a set: where it judges, and what follows from its findings."""

    name: str
    policy: Policy
    stages: tuple[Stage, ...]
    on_fail: OnFail
    mode: PolicyMode = "enforce"
    on_error: OnError = "block"
    timeout_ms: int = 1000
    roles: tuple[Role, ...] = ROLES
    window: Window = "whole"
    examples: tuple[Example, ...] = ()

    @property
    def waits(self) -> bool:
        """Whether it holds something open (a thread, a client), and so waits when it judges."""
        return isinstance(self.policy, AbstractAsyncContextManager)


@dataclass(frozen=True, slots=True)
class PolicySet:
    """Policies in order of precedence. `templates` is keyed by category, then by language."""

    name: str
    entries: tuple[PolicyEntry, ...]
    fallback: Fallback
    templates: Templates
    digest: str


def load_policy_set(path: Path, environment: Mapping[str, str] = os.environ) -> PolicySet:
    """Read, check and build the policy set in a file; its name is the file's stem.

    `${NAME}` in the options and the handoff is that environment variable. Relative paths among
    the options are taken from the file's folder.

    Raises:
        ConfigurationError: naming the file, the line, the key's path and what is wrong there.
    """
    file = read_policy_file(path)
    content = file.content
    entries = tuple(
        _build(entry, environment, file.place(i), path.parent)
        for i, entry in enumerate(content.policies)
    )
    return PolicySet(
        name=path.stem,
        entries=entries,
        fallback=_fallback(content.fallback, environment, f"{path}: fallback"),
        templates=content.templates,
        digest=_digest(content, [entry.policy for entry in entries]),
    )


@asynccontextmanager
async def opened(policy_sets: Iterable[PolicySet]) -> AsyncGenerator[None]:
    """Enter every policy that holds something open; leave them at the end.

    Raises:
        ConfigurationError: naming the policy that can't be opened, and why.
    """
    async with AsyncExitStack() as stack:
        for policy_set in policy_sets:
            for entry in policy_set.entries:
                if entry.waits:
                    await _open(entry, policy_set.name, stack)
        yield


async def _open(entry: PolicyEntry, policy_set: str, stack: AsyncExitStack) -> None:
    try:
        await stack.enter_async_context(cast("AbstractAsyncContextManager[Any]", entry.policy))
    except Exception as error:
        # No customer's text has come near it, so that its message may be shown.
        where = f"policy {entry.name!r} of {policy_set!r} can't be opened"
        raise ConfigurationError(f"{where}: {type(error).__name__}: {error}") from error


def _build(
    entry: EntryFile, environment: Mapping[str, str], place: str, folder: Path
) -> PolicyEntry:
    options = substituted(dict(entry.options), environment, f"{place}: options")
    policy = build_plugin(entry.use, options, place, Policy, folder)
    return PolicyEntry(
        name=entry.name,
        policy=policy,
        stages=entry.stages,
        on_fail=entry.on_fail,
        mode=entry.mode,
        on_error=entry.on_error,
        timeout_ms=entry.timeout_ms,
        roles=entry.roles,
        window=entry.window,
        examples=entry.examples,
    )


def _fallback(fallback: Fallback, environment: Mapping[str, str], place: str) -> Fallback:
    try:
        stated = fallback.model_dump(exclude_unset=True)
        return Fallback.model_validate(substituted(stated, environment, place))
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise ConfigurationError(f"{place}.{where}: {problem['msg']}") from None


def _digest(file: PolicyFile, policies: Sequence[Policy]) -> str:
    """Over the file's content, defaults filled in, so that comments and layout don't count.

    Variables count by their names: a digest over a secret would help to guess it. A plug-in that
    reads files of its own says what they hold in an attribute `digest`.
    """
    content = {"file": file.model_dump(), "plugins": [getattr(p, "digest", None) for p in policies]}
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()
