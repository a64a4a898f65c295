"""Runs the examples that stand beside each policy of a set."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass

from gateway.guard import example_subject, judge
from gateway.policy_sets import Example, PolicyEntry, PolicySet
from gateway.types import Action


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """What a policy said of one of its examples: the `index`-th beside it, from 0."""

    policy: str
    index: int
    expected: Action
    actual: Action
    detail: str = ""

    @property
    def passed(self) -> bool:
        return self.actual == self.expected


async def run_examples(policy_set: PolicySet) -> Sequence[ExampleResult]:
    """Judge every example by its own policy alone, whatever that policy's mode.

    Policies that hold something open are entered and left here, so give it a set that is not
    in service.
    """
    async with AsyncExitStack() as stack:
        for policy in policy_set.policies:
            if isinstance(policy, AbstractAsyncContextManager):
                await stack.enter_async_context(policy)
        return [
            await _run(entry, index, example)
            for entry in policy_set.entries
            for index, example in enumerate(entry.examples)
        ]


async def _run(entry: PolicyEntry, index: int, example: Example) -> ExampleResult:
    stage = example.stage or entry.stages[0]
    subject = example_subject(example.text * example.repeat, stage, example.context())
    verdict = await judge(entry, subject)
    return ExampleResult(entry.name, index, example.expect, verdict.action, verdict.detail)
