"""Runs the examples that stand beside each policy of a set."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.guard import example_subject, judge
from gateway.policy_files import Example
from gateway.policy_sets import PolicyEntry, PolicySet
from gateway.types import Action


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """What a policy said of one of its examples: the `index`-th beside it, from 0."""

    policy_set: str
    policy: str
    index: int
    expected: Action
    actual: Action
    detail: str = ""
    duration_ms: float = 0.0

    @property
    def passed(self) -> bool:
        return self.actual == self.expected


async def run_examples(policy_sets: Iterable[PolicySet]) -> Sequence[ExampleResult]:
    """Judge every example by its own policy alone, whatever that policy's mode.

    The sets have to be open (`policy_sets.opened`). Whatever else waits has its turn between two
    examples: a set is tried while another one is in service.
    """
    results: list[ExampleResult] = []
    for policy_set in policy_sets:
        for entry in policy_set.entries:
            for index, example in enumerate(entry.examples):
                results.append(await _run(policy_set.name, entry, index, example))
                await asyncio.sleep(0)
    return results


def explained(result: ExampleResult) -> str:
    """A failed example in words that name it without quoting it."""
    because = f" ({result.detail})" if result.detail else ""
    return (
        f"policy {result.policy!r} of {result.policy_set!r}, example {result.index}: "
        f"expected {result.expected!r}, got {result.actual!r}{because}"
    )


async def _run(policy_set: str, entry: PolicyEntry, index: int, example: Example) -> ExampleResult:
    stage = example.stage or entry.stages[0]
    subject = example_subject(example.text * example.repeat, stage, example.context())
    verdict = await judge(entry, subject)
    return ExampleResult(
        policy_set=policy_set,
        policy=entry.name,
        index=index,
        expected=example.expect,
        actual=verdict.action,
        detail=verdict.detail,
        duration_ms=verdict.duration_ms,
    )
