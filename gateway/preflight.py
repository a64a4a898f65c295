"""Tries a config before it serves: opens every part, and runs the policies' own examples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.config import GatewaySettings
from gateway.errors import ConfigurationError
from gateway.policy_examples import ExampleResult, run_examples
from gateway.wiring import live_gateway, policy_sets


@dataclass(frozen=True, slots=True)
class Preflight:
    """What was found. `probes` says of each server whether it answers; empty when not asked."""

    examples: Sequence[ExampleResult]
    remarks: Sequence[str]
    reward_revision: str | None
    probes: Mapping[str, bool] = field(default_factory=dict[str, bool])

    @property
    def failures(self) -> Sequence[ExampleResult]:
        return [result for result in self.examples if not result.passed]


async def preflight(settings: GatewaySettings, *, probe: bool = False) -> Preflight:
    """Open all that the config names; with `probe`, ask every model's servers as well.

    Raises:
        ConfigurationError: a part can't be opened, or an example of a policy fails.
    """
    probes: dict[str, bool] = {}
    async with live_gateway(settings) as gateway:
        if probe:
            probes = {
                name: await upstream.ready()
                for name, upstream in gateway.pipeline.upstreams.items()
                if settings.models[name].upstreams
            }
        reward = gateway.pipeline.reward
        revision = reward.revision if reward is not None else None
    examples = [
        result
        for policy_set in policy_sets(settings.policies).values()
        for result in await run_examples(policy_set)
    ]
    found = Preflight(examples, _remarks(settings), revision, probes)
    if found.failures:
        told = "\n".join(explained(result) for result in found.failures)
        raise ConfigurationError(f"examples of the policies fail:\n{told}")
    return found


def explained(result: ExampleResult) -> str:
    """A failed example in words that name it without quoting it."""
    because = f" ({result.detail})" if result.detail else ""
    return (
        f"policy {result.policy!r}, example {result.index}: "
        f"expected {result.expected!r}, got {result.actual!r}{because}"
    )


def _remarks(settings: GatewaySettings) -> list[str]:
    remarks: list[str] = []
    if settings.candidates.selection.options.get("exploration") == 0:
        remarks.append(
            "candidates.selection.exploration is 0: answers that rank low are never shown, so "
            "`winnow replay` can't estimate what another reward model would have done"
        )
    if settings.reward is None:
        remarks.append("reward is off: the first answer that passes the policies is sent")
    return remarks
