"""guardrails-ai: real validators of it, and some of our own, run as policies."""

import asyncio
import json
import subprocess
import sys
import threading
from importlib import import_module
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.guard import example_subject
from gateway.judgement import judge, redacted
from gateway.policy_sets import PolicyEntry
from gateway.types import Conversation, Message, Subject
from policies.guardrails_ai import Validator
from tests.policies.judging import found

pytest.importorskip("fuzzysearch", reason="the extra `guardrails` is not installed")

BAN_LIST = "guardrails_ai.ban_list:BanList"
OWN = "tests.policies.guardrails_validators"
KEY = "AKIAIOSFODNN7EXAMPLE"

# Of the package index, all of them without a model: validator, arguments, what passes, what fails.
PUBLISHED: list[tuple[str, dict[str, Any], str, str]] = [
    (BAN_LIST, {"banned_words": ["free money"]}, "Good morning.", "Get free money now."),
    (
        "guardrails_ai.regex_match:RegexMatch",
        {"regex": r"[Yy]our parcel", "match_type": "search"},
        "Where your parcel is, I can't say.",
        "Hello.",
    ),
    ("guardrails_ai.valid_length:ValidLength", {"max": 12}, "Hello.", "Hello, my dear friend."),
    # Of one line it warns that it reads programs better.
    ("guardrails_ai.secrets_present:SecretsPresent", {}, "Hello\nBob.", f'Hello\nkey = "{KEY}"'),
    (
        "guardrails_ai.web_sanitization:WebSanitization",
        {},
        "Hello.",
        "Hello <script>alert(1)</script>",
    ),
]


def subject(text: str) -> Subject:
    return example_subject(text, "output", Conversation((Message("user", "thanks"),)))


@pytest.mark.parametrize(("validator", "arguments", "passes", "fails"), PUBLISHED)
async def test_published_validators_work_as_they_are(
    validator: str, arguments: dict[str, Any], passes: str, fails: str
):
    """Each by its name and its constructor's arguments, without network or models."""
    pytest.importorskip(validator.partition(":")[0])
    async with Validator(validator, arguments) as policy:
        assert await policy.judge(subject(passes)) == ()
        findings = await policy.judge(subject(fails))
    assert findings
    assert all(fails not in finding.detail for finding in findings)


async def test_a_failure_is_a_finding_where_the_validator_saw_it():
    """In whole words, though ban-list leaves out the first letter of what it found."""
    arguments = {"banned_words": ["guaranteed refund"], "max_l_dist": 1}
    async with Validator(BAN_LIST, arguments) as policy:
        assert await found(policy, "I can look into a refund.") == []
        assert await found(policy, "You have a guarenteed refund here.") == ["guarenteed refund"]


async def test_a_failure_without_spans_covers_the_whole_text():
    """Unless its correction is asked for."""
    async with Validator(f"{OWN}:NoShouting") as policy:
        assert await found(policy, "calm") == []
        assert await found(policy, "WHY") == ["WHY"]


async def test_fix_finds_what_the_validator_corrects():
    """Each place on its own, with the correction as its replacement."""
    text = "Hello! It is late! Bye."
    async with Validator(f"{OWN}:NoExclamation", action="fix") as policy:
        findings = await policy.judge(subject(text))
    assert [(text[f.start : f.end], f.replacement) for f in findings] == [("!", "."), ("!", ".")]
    assert redacted(text, findings) == "Hello. It is late. Bye."


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.text(st.sampled_from("aB! .\n\ud800é"), max_size=60))
async def test_a_fixed_text_is_the_validators(text: str):
    """What the set shows after redaction is what guardrails would have shown."""
    async with Validator(f"{OWN}:NoExclamation", action="fix") as policy:
        findings = await policy.judge(subject(text))
    assert redacted(text, findings) == text.replace("!", ".")


async def test_fix_without_a_correction_is_a_finding():
    """A validator need not know better."""
    async with Validator(f"{OWN}:Raises", action="fix") as policy:
        assert await found(policy, "fail") == ["fail"]


async def test_refrain_replaces_the_text_by_nothing():
    """As guardrails does."""
    async with Validator(BAN_LIST, {"banned_words": ["free money"]}, "refrain") as policy:
        text = "Get free money now."
        findings = await policy.judge(subject(text))
    assert redacted(text, findings) == ""


async def test_exception_finds_the_whole_text():
    """A block is a value here: nothing is raised."""
    async with Validator(BAN_LIST, {"banned_words": ["free money"]}, "exception") as policy:
        assert await found(policy, "Get free money now.") == ["Get free money now."]


async def test_a_validator_that_raises_guardrails_own_failure_has_failed_the_text():
    """It is how guardrails says so."""
    async with Validator(f"{OWN}:Raises") as policy:
        assert await found(policy, "pass") == []
        assert await found(policy, "fail") == ["fail"]


@pytest.mark.parametrize("text", ["break", "shrug"])
async def test_a_validator_that_breaks_or_says_nothing_could_not_run(text: str):
    """The text is withheld, and not taken for a good one."""
    async with Validator(f"{OWN}:Raises") as policy:
        entry = PolicyEntry("own", policy, ("output",), "flag")
        verdict = await judge(entry, subject(text))
    assert (verdict.action, verdict.withheld) == ("error", True)


async def test_metadata_come_from_the_options_and_from_the_subject():
    """Under the keys that the validator wants; what it changes in them is gone the next time."""
    parts = {"asked": "prompt", "turns": "conversation", "stage": "stage"}
    policy = Validator(
        f"{OWN}:RepeatsTheCustomer",
        metadata={"ignored": ["thanks"]},
        from_subject=parts,  # pyright: ignore[reportArgumentType] - as it comes from a file
    )
    async with policy:
        for _ in range(2):
            assert await policy.judge(subject("You are welcome.")) == ()
            assert len(await policy.judge(subject("thanks"))) == 1


async def test_an_asynchronous_validator_is_awaited():
    """Several texts at a time: each waits for a server, and holds up nobody."""
    async with Validator(f"{OWN}:MeetsOthers") as policy:
        assert await policy.judge(subject("alone")) == ()
        together = await asyncio.gather(*(policy.judge(subject("both")) for _ in range(2)))
    assert any(together)


async def test_validation_leaves_the_event_loop_alone():
    """All of it runs in one thread, which is not the loop's."""
    async with Validator(f"{OWN}:WhichThread", action="fix") as policy:
        judged = await asyncio.gather(*(policy.judge(subject("")) for _ in range(8)))
    threads = {finding.replacement for findings in judged for finding in findings}
    assert len(threads) == 1
    assert threads.pop().startswith("guardrails-ai")
    assert not threading.current_thread().name.startswith("guardrails-ai")


async def test_a_policy_can_be_entered_again():
    """A set is tested before it is put in service."""
    policy = Validator(f"{OWN}:NoShouting")
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


# Counts every name that is looked up and every connection that is begun, until the process ends.
COUNTING = """
import asyncio, atexit, json, sys
calls = []
atexit.register(lambda: print(json.dumps(calls)))
EVENTS = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}
sys.addaudithook(lambda event, args: calls.append(str(args[1:])) if event in EVENTS else None)

from gateway.guard import example_subject
from gateway.types import Conversation
from policies.guardrails_ai import Validator

async def main():
    async with Validator("guardrails_ai.ban_list:BanList", {"banned_words": ["free money"]}) as p:
        for text in ("Get free money.", "Hello."):
            await p.judge(example_subject(text, "output", Conversation(())))

asyncio.run(main())
"""


def test_nobody_is_called():
    """From the first import to the end of the process: no connection, no name looked up."""
    counted = subprocess.run(
        [sys.executable, "-c", COUNTING], capture_output=True, text=True, check=True, timeout=50
    )
    assert json.loads(counted.stdout.splitlines()[-1]) == []
