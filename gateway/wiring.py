"""Settings into a live gateway: the one place that knows concrete classes."""

import secrets
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from math import inf
from random import Random
from typing import Any, TypeVar, cast

from gateway.config import (
    CandidatesSettings,
    GatewaySettings,
    ModelSettings,
    Plugin,
    PoliciesSettings,
    UpstreamSettings,
)
from gateway.contest import Bounds
from gateway.errors import ConfigurationError
from gateway.guards import Guards
from gateway.handoff import WebhookHandoff
from gateway.hedging import Hedging
from gateway.languages import language_of
from gateway.ledger.database import database_path
from gateway.ledger.sql import SqlLedger
from gateway.openai.requests import Caps
from gateway.operations.access import Access
from gateway.operations.in_flight import InFlight
from gateway.operations.keys import KeyCache, KeyStore
from gateway.operations.metrics import Metrics
from gateway.operations.tokens import FeedbackTokens, load_or_create_secret
from gateway.pipeline import Pipeline
from gateway.plugins import build_plugin
from gateway.policy_store import PolicyStore
from gateway.protocols import RewardModel, Selector, StopRule, Upstream
from gateway.pruning import Pruning, why_not
from gateway.routes.context import Gateway
from gateway.upstreams.dialects import DIALECTS, Dialect
from gateway.upstreams.failover import Failover
from gateway.upstreams.openai_compatible import OpenAICompatible

T = TypeVar("T")

_LAST_RECORDS_S = 5.0
_NOT_STARTED = {"base_url": "http://127.0.0.1:9/v1", "model": "reward", "api_key": "none"}
"""What stands for an engine that nobody has started: a check opens all, and asks nobody."""


@asynccontextmanager
async def live_gateway(settings: GatewaySettings) -> AsyncGenerator[Gateway]:
    """A gateway that serves until the context is left, over a ledger that is there already.

    Raises:
        ConfigurationError: a plug-in, policy set or the ledger is not as it must be.
    """
    async with AsyncExitStack() as stack:
        keys = stack.enter_context(key_store(settings))
        ledger = await stack.enter_async_context(SqlLedger(settings.ledger.url))
        in_force = await stack.enter_async_context(guards(settings.policies))
        reward = await open_reward(stack, settings)
        metrics = Metrics()
        pipeline = Pipeline(
            upstreams={
                name: await _upstream(stack, model, settings.candidates.timeout_s)
                for name, model in settings.models.items()
            },
            lease=in_force.lease,
            reward=reward,
            selector=_plugin(settings, "selection", Selector),
            stop_rule=_plugin(settings, "stop_rule", StopRule),
            ledger=ledger,
            rng=Random(secrets.randbits(128)),
            bounds=_bounds(settings),
            pruning=_pruning(settings.candidates, reward),
            hedging={name: _hedging(settings.candidates) for name in settings.models},
            observe=metrics.observe,
        )
        in_flight = InFlight()
        yield Gateway(
            pipeline=pipeline,
            guards=in_force,
            ledger=ledger,
            access=Access(KeyCache(keys), required=settings.auth.required),
            tokens=_tokens(settings),
            caps=_caps(settings),
            operator_prompts={name: m.system_prompt for name, m in settings.models.items()},
            optional_policy_sets=frozenset(settings.policies.optional),
            api=settings.api,
            limits=settings.limits,
            feedback_origins=tuple(settings.feedback.allowed_origins),
            in_flight=in_flight,
            metrics=metrics,
        )
        # Requests cut off at the end of the server's grace still have to be recorded.
        await in_flight.drained(_LAST_RECORDS_S)


def key_store(settings: GatewaySettings) -> KeyStore:
    """The API keys, which live in the ledger's database; not yet opened."""
    return KeyStore(settings.ledger.url)


def guards(settings: PoliciesSettings) -> Guards:
    """The policy sets that the settings name, not yet open."""
    return Guards(
        PolicyStore(settings),
        open_handoff=WebhookHandoff,
        language_of=language_of,
        reload_s=settings.reload_s,
    )


async def _upstream(stack: AsyncExitStack, model: ModelSettings, timeout_s: float) -> Upstream:
    servers = [
        await stack.enter_async_context(
            OpenAICompatible(
                base_url=server.base_url,
                model=server.model,
                api_key=server.api_key,
                dialect=_dialect(server),
                timeout_s=timeout_s,
            )
        )
        for server in model.upstreams
    ]
    return Failover(servers)


def _dialect(server: UpstreamSettings) -> Dialect:
    dialect = DIALECTS[server.dialect]
    return dialect if server.together is None else replace(dialect, together=server.together)


def _bounds(settings: GatewaySettings) -> Bounds:
    return Bounds(
        candidates_s=settings.candidates.timeout_s,
        tokens=settings.candidates.max_total_tokens or inf,
        reward_s=settings.reward.timeout_s if settings.reward else 0.0,
    )


def _pruning(settings: CandidatesSettings, reward: RewardModel | None) -> Pruning | None:
    """What was asked for, where the reward model allows it; `winnow check` says where not."""
    if settings.prune is None:
        return None
    pruning = Pruning(settings.prune.at_tokens, settings.prune.keep)
    return pruning if why_not(pruning, reward) is None else None


def _hedging(settings: CandidatesSettings) -> Hedging:
    hedge = settings.hedge
    return Hedging(share=hedge.share, times=hedge.times, least_ms=hedge.least_s * 1000)


async def open_reward(stack: AsyncExitStack, settings: GatewaySettings) -> RewardModel | None:
    """The reward model that the settings name, open until the stack is left.

    Raises:
        ConfigurationError: it can't be made, or lacks a package.
    """
    if settings.reward is None:
        return None
    server = {} if settings.reward.engine is None else _NOT_STARTED
    options = settings.reward.options | server
    reward = build_plugin(settings.reward.use, options, "reward", RewardModel, settings.folder)
    await _enter(stack, reward)
    return reward


def _plugin(settings: GatewaySettings, name: str, seam: type[T]) -> T:
    entry: Plugin = getattr(settings.candidates, name)
    return build_plugin(entry.use, entry.options, f"candidates.{name}", seam, settings.folder)


async def _enter(stack: AsyncExitStack, plugin: Any) -> None:
    """Open a plug-in that holds something open; any other is ready as it is.

    Raises:
        ConfigurationError: the plug-in lacks a package of an extra, or files that it needs.
    """
    name = type(plugin).__name__
    if isinstance(plugin, AbstractAsyncContextManager):
        try:
            await stack.enter_async_context(cast("AbstractAsyncContextManager[Any]", plugin))
        except (ImportError, OSError, ValueError) as error:
            raise ConfigurationError(f"{name}: {error}") from error


def _caps(settings: GatewaySettings) -> Caps:
    return Caps(
        n_candidates=settings.candidates.n,
        max_candidates=settings.candidates.max_n,
        max_tokens=settings.candidates.max_tokens,
        default_max_tokens=settings.candidates.default_max_tokens,
        max_messages=settings.limits.max_messages,
        max_characters=settings.limits.max_characters,
        client_system=settings.api.client_system,
    )


def _tokens(settings: GatewaySettings) -> FeedbackTokens:
    """Signed with the secrets given, or with one made once and kept beside the ledger."""
    given = settings.feedback.token_secrets
    if not given:
        beside = database_path(settings.ledger.url)
        given = [load_or_create_secret(beside.with_name(f"{beside.name}.secret"))]
    return FeedbackTokens(given, max_age_s=settings.feedback.token_max_age_s)
