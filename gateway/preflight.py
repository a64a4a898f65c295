"""Tries a config before it serves: opens every part, and runs the policies' own examples."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from gateway.config import GatewaySettings, LedgerSettings
from gateway.errors import ConfigurationError
from gateway.ledger.schema import upgrade
from gateway.policy_examples import ExampleResult, explained, run_examples
from gateway.policy_files import read_policy_file
from gateway.policy_sets import PolicySet
from gateway.policy_store import SHIPPED_SETS
from gateway.protocols import Calibrated, RewardModel, Selector, StopRule
from gateway.pruning import Pruning, why_not
from gateway.reward_trial import trial
from gateway.wiring import live_gateway, open_reward


@dataclass(frozen=True, slots=True)
class Preflight:
    """What was found. `probes` says of each server whether it answers; empty when not asked.

    `pruning` is what is in force: one that was asked for and is not allowed is among `remarks`.
    """

    examples: Sequence[ExampleResult]
    remarks: Sequence[str]
    reward_revision: str | None
    pruning: Pruning | None = None
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
        reward, selector = gateway.pipeline.reward, gateway.pipeline.selector
        revision = reward.revision if reward is not None else None
        pruning = gateway.pipeline.pruning
        sets = gateway.guards.in_force
        examples = await run_examples(sets)
        remarks = [
            *_remarks(settings, selector),
            *_stop_rule_remarks(gateway.pipeline.stop_rule, reward),
            *_pruning_remarks(settings, reward),
            *_policy_remarks(sets),
        ]
        if reward is not None and _may_be_tried(settings, reward, probe=probe):
            remarks += [f"reward: {complaint}" for complaint in await trial(reward)]
    found = Preflight(examples, remarks, revision, pruning, probes)
    if found.failures:
        told = "\n".join(explained(result) for result in found.failures)
        raise ConfigurationError(f"examples of the policies fail:\n{told}")
    return found


async def reward_remarks(settings: GatewaySettings) -> Sequence[str]:
    """What a trial of the reward model finds, its server being asked; empty if nothing."""
    async with AsyncExitStack() as stack:
        reward = await open_reward(stack, settings)
        if reward is None or not getattr(reward, "remote", False):
            return []
        return [f"reward: {complaint}" for complaint in await trial(reward)]


def on_a_throw_away_ledger(settings: GatewaySettings, folder: str) -> GatewaySettings:
    """The settings with a new ledger in `folder`: a check must not touch the real one."""
    url = f"sqlite:///{Path(folder).absolute()}/check.db"
    upgrade(url)
    return settings.model_copy(update={"ledger": LedgerSettings(url=url)})


def _remarks(settings: GatewaySettings, selector: Selector) -> list[str]:
    remarks: list[str] = []
    if not getattr(selector, "exploration", 0):
        remarks.append(
            "candidates.selection explores nothing: answers that rank low are never shown, so the "
            "log can't tell what another reward model or selector would have earned"
        )
    if settings.reward is None:
        several = settings.candidates.n > 1
        kept = f"; the {settings.candidates.n} are sampled for the ledger alone" if several else ""
        remarks.append(f"reward is off: the first answer that passes the policies is sent{kept}")
    return remarks


def _may_be_tried(settings: GatewaySettings, reward: RewardModel, *, probe: bool) -> bool:
    """A server is asked only where that was asked for, and one of ours has not been started."""
    if not getattr(reward, "remote", False):
        return True
    return probe and settings.reward is not None and settings.reward.engine is None


def _stop_rule_remarks(rule: StopRule, reward: RewardModel | None) -> Iterator[str]:
    """What the rule needs to know of rewards, and can't."""
    inner = getattr(rule, "rule", None)
    if isinstance(inner, StopRule):
        yield from _stop_rule_remarks(inner, reward)
    name = type(rule).__name__
    calibrated = isinstance(reward, Calibrated) and reward.p_ok(0.0) is not None
    if hasattr(rule, "p_ok") and not calibrated:
        yield (
            f"candidates.stop_rule: {name} waits for a P(ok) that the reward model does not give: "
            "it samples as many as it may"
        )
    fitted_for = getattr(rule, "fitted_for", None)
    if fitted_for is not None and reward is not None and fitted_for != reward.revision:
        yield (
            f"candidates.stop_rule: {name} was fitted for rewards of {fitted_for}, and "
            f"{reward.revision} is served: winnow reward fit-prior fits it anew"
        )


def _pruning_remarks(settings: GatewaySettings, reward: RewardModel | None) -> Iterator[str]:
    prune = settings.candidates.prune
    if prune is None:
        return
    reason = why_not(Pruning(prune.at_tokens, prune.keep), reward)
    if reason is not None:
        yield f"candidates.prune is off: {reason}"


def _policy_remarks(policy_sets: Sequence[PolicySet]) -> list[str]:
    entries = [(f"{s.name}/{entry.name}", entry) for s in policy_sets for entry in s.entries]
    in_chats = {"input", "output"}
    named = {
        "in shadow mode, recorded and without effect": [
            name for name, entry in entries if entry.mode == "shadow"
        ],
        "without an example that would show a mistake": [
            name for name, entry in entries if entry.mode != "off" and not entry.examples
        ],
        "at the stage tool alone, so that no chat is judged by it": [
            name for name, entry in entries if not in_chats & set(entry.stages)
        ],
        "not in your set, which takes the place of the shipped one of its name": [
            f"{s.name}/{name}" for s in policy_sets for name in _left_out(s)
        ],
    }
    return [f"{what}: {', '.join(names)}" for what, names in named.items() if names]


def _left_out(policy_set: PolicySet) -> list[str]:
    """Policies of the shipped set of that name which a set in its place does not have."""
    shipped = SHIPPED_SETS / f"{policy_set.name}.yaml"
    if not shipped.is_file():
        return []
    own = {entry.name for entry in policy_set.entries}
    return [e.name for e in read_policy_file(shipped).content.policies if e.name not in own]
