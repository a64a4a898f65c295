"""guardrails-ai: a real validator of it, run as a policy."""

import asyncio
import threading
from importlib import import_module
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.guard import example_subject
from gateway.types import Conversation
from policies.guardrails_ai import Validator
from tests.policies.judging import found

pytest.importorskip("fuzzysearch", reason="the extra `guardrails` is not installed")

BAN_LIST = "guardrails_ai.ban_list:BanList"


async def test_a_failure_is_a_finding_where_the_validator_saw_it():
    """And a text that it passes has none."""
    arguments = {"banned_words": ["guaranteed refund"], "max_l_dist": 1}
    async with Validator(BAN_LIST, arguments) as policy:
        assert await found(policy, "I can look into a refund.") == []
        (quoted,) = await found(policy, "You have a guarenteed refund here.")
        assert "uarenteed refund" in quoted


async def test_a_failure_without_spans_covers_the_whole_text():
    """It is replaced by the validator's own correction, where it has one."""
    async with Validator("tests.policies.guardrails_validators:NoShouting") as policy:
        assert await found(policy, "calm") == []
        assert await found(policy, "WHY") == ["WHY"]


async def test_validation_leaves_the_event_loop_alone():
    """All of it runs in one thread, which is not the loop's."""
    async with Validator("tests.policies.guardrails_validators:WhichThread") as policy:
        conversation = Conversation(())
        subject = example_subject("x", "output", conversation)
        judged = await asyncio.gather(*(policy.judge(subject) for _ in range(8)))
    threads = {finding.replacement for findings in judged for finding in findings}
    assert len(threads) == 1
    assert threading.current_thread().name not in threads


async def test_a_policy_can_be_entered_again():
    """A set is tested before it is put in service."""
    policy = Validator("tests.policies.guardrails_validators:NoShouting")
    for _ in range(2):
        async with policy:
            assert await found(policy, "WHY") == ["WHY"]


async def test_a_validator_that_is_not_there_is_named():
    """When the policy is entered: the gateway does not start."""
    with pytest.raises(ImportError, match=r"guardrails_ai.nowhere:Nothing"):
        async with Validator("guardrails_ai.nowhere:Nothing"):
            pass


def test_a_path_without_a_class_is_refused():
    """Before anything is imported."""
    with pytest.raises(ValidationError):
        Validator("guardrails_ai.ban_list")


async def test_its_telemetry_stays_off():
    """Also for what reads the settings anew."""
    async with Validator(BAN_LIST, {"banned_words": ["x"]}):
        rc: Any = import_module("guardrails.classes.rc").RC
        settings: Any = import_module("guardrails.settings").settings
        assert settings.rc.enable_metrics is False
        assert rc.load().enable_metrics is False
