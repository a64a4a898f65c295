"""The policy sets in force: new ones replace them whole, or not at all.

A changed file is read, checked, opened, and has to pass its own examples, before any request is
judged by it. Requests that are under way end under the sets that they began under.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from types import TracebackType
from typing import Self

from gateway.errors import ConfigurationError
from gateway.guard import Guard
from gateway.policy_examples import explained, run_examples
from gateway.policy_files import HandoffSettings
from gateway.policy_sets import PolicySet, opened
from gateway.policy_store import PolicyStore
from gateway.protocols import Handoff

_log = logging.getLogger(__name__)
_MOST_COMBINATIONS = 64

OpenHandoff = Callable[[HandoffSettings], AbstractAsyncContextManager[Handoff]]
LanguageOf = Callable[[str], str | None]


class Guards:
    """Lends out the guard of the always-on sets and those that a request adds.

    Entered, it opens the sets, and looks for changed files every `reload_s` seconds (0: never).
    """

    def __init__(
        self,
        store: PolicyStore,
        *,
        open_handoff: OpenHandoff,
        language_of: LanguageOf,
        reload_s: float = 0.0,
    ) -> None:
        self._store = store
        self._open_handoff = open_handoff
        self._language_of = language_of
        self._reload_s = reload_s
        self._retired: list[_Generation] = []
        self._turn = asyncio.Lock()
        self.refused: str | None = None
        """Why the newest files are not in force; None when they are."""

    async def __aenter__(self) -> Self:
        self._tried = self._store.stamp()
        self._current = await self._open(await asyncio.to_thread(self._store.load))
        self._watching = asyncio.ensure_future(self._watch())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._watching.cancel()
        await asyncio.wait([self._watching])
        for generation in (*self._retired, self._current):
            await generation.close()

    @property
    def in_force(self) -> Sequence[PolicySet]:
        """Every set, open, always-on ones first."""
        return tuple(self._current.sets.values())

    @asynccontextmanager
    async def lease(self, added: tuple[str, ...] = ()) -> AsyncGenerator[Guard]:
        """The guard in force, which stays open until it is given back."""
        with self._current.in_use() as generation:
            yield generation.guard((*self._store.always_on, *added))

    async def reload(self) -> bool:
        """Load the files anew and put them in force if they say something else: whether they do.

        Raises:
            ConfigurationError: the files are not valid, or an example fails. What was in force
                stays so, and `refused` says why.
        """
        async with self._turn:
            self._tried = self._store.stamp()
            try:
                changed = await self._replace()
            except ConfigurationError as error:
                self.refused = str(error)
                raise
            except Exception as error:
                self.refused = f"the policy sets can't be loaded: {type(error).__name__}"
                raise ConfigurationError(self.refused) from error
            self.refused = None
            return changed

    async def _replace(self) -> bool:
        sets = await asyncio.to_thread(self._store.load)
        if _digests(sets) == _digests(self._current.sets):
            return False
        fresh = await self._open(sets)
        try:
            await _try(fresh)
        except BaseException:
            await fresh.close()
            raise
        self._retired.append(self._current)
        self._current = fresh
        await self._sweep()
        return True

    async def _open(self, sets: Mapping[str, PolicySet]) -> "_Generation":
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(opened(sets.values()))
            handoffs = {
                name: await stack.enter_async_context(self._open_handoff(s.fallback.handoff))
                for name, s in sets.items()
                if s.fallback.handoff is not None
            }
            return _Generation(sets, handoffs, self._language_of, stack.pop_all())

    async def _watch(self) -> None:
        while self._reload_s > 0:
            await asyncio.sleep(self._reload_s)
            await self._sweep()
            if self._store.stamp() == self._tried:
                continue
            try:
                if await self.reload():
                    _log.info("changed policy sets are in force")
            except ConfigurationError as error:
                _log.error("changed policy sets are refused, the old ones stay: %s", error)
            except Exception as error:  # noqa: BLE001 - a watch that ends would never be missed
                _log.error("policy sets could not be reloaded: %s", type(error).__name__)

    async def _sweep(self) -> None:
        """Close the sets that were replaced and that no request is judged by any more."""
        done = [generation for generation in self._retired if not generation.users]
        self._retired = [generation for generation in self._retired if generation.users]
        for generation in done:
            await generation.close()


class _Generation:
    """Open policy sets, and how many requests are judged by them."""

    def __init__(
        self,
        sets: Mapping[str, PolicySet],
        handoffs: Mapping[str, Handoff],
        language_of: LanguageOf,
        stack: AsyncExitStack,
    ) -> None:
        self.sets = sets
        self.users = 0
        self._handoffs = handoffs
        self._language_of = language_of
        self._stack = stack
        self._guards: dict[tuple[str, ...], Guard] = {}

    @contextmanager
    def in_use(self) -> Generator[Self]:
        self.users += 1
        try:
            yield self
        finally:
            self.users -= 1

    def guard(self, names: tuple[str, ...]) -> Guard:
        """The guard of these sets, made once: it remembers what it has judged."""
        names = tuple(dict.fromkeys(names))
        if names not in self._guards:
            if len(self._guards) >= _MOST_COMBINATIONS:
                self._guards.clear()
            self._guards[names] = Guard(
                [self.sets[name] for name in names],
                language_of=self._language_of,
                handoff=next((h for n in reversed(names) if (h := self._handoffs.get(n))), None),
            )
        return self._guards[names]

    async def close(self) -> None:
        await self._stack.aclose()


def _digests(sets: Mapping[str, PolicySet]) -> Mapping[str, str]:
    return {name: policy_set.digest for name, policy_set in sets.items()}


async def _try(generation: _Generation) -> None:
    results = await run_examples(generation.sets.values())
    failed = [explained(result) for result in results if not result.passed]
    if failed:
        raise ConfigurationError("examples of the policies fail:\n" + "\n".join(failed))
