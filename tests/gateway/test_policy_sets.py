"""Policy sets: what a file says is what is built, and a mistake is named where it stands."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import pytest

from gateway.errors import ConfigurationError
from gateway.policy_sets import PolicySet, load_policy_set, opened
from gateway.types import Finding, Subject
from policies.size import MaximumSize

SET = """\
policies:
  - name: short
    use: policies.size:MaximumSize
    stages: [input, output]
    on_fail: block
    options: {max_characters: 5}
    examples:
      - {text: "1", expect: pass}
fallback: {resample: 2, template: "Sorry."}
templates: {size: {en: "Too long."}}
"""

Load = Callable[[str], PolicySet]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def from_text(text: str) -> PolicySet:
        file = tmp_path / "strict.yaml"
        file.write_text(text, "utf-8", "surrogateescape")
        return load_policy_set(file)

    return from_text


def test_a_set_is_what_its_file_says(load: Load):
    """Named after the file, with defaults where nothing is said."""
    policy_set = load(SET)
    (entry,) = policy_set.entries
    assert policy_set.name == "strict"
    assert entry.policy == MaximumSize(5)
    assert (entry.stages, entry.on_fail, entry.mode) == (("input", "output"), "block", "enforce")
    assert (entry.on_error, entry.timeout_ms) == ("block", 1000)
    assert (policy_set.fallback.resample, policy_set.fallback.template) == (2, "Sorry.")
    assert policy_set.templates["size"]["en"] == "Too long."


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            "on_fail: block",
            "on_fial: block",
            r"strict.yaml:5: policies.0.on_fial: .*did you mean 'on_fail'",
        ),
        ("options:", "timeout: 3\n    options:", r":6: .*timeout: .*did you mean 'timeout_ms'"),
        ("expect: pass", "expects: pass, expect: pass", r"examples.0.expects: .*'expect'"),
        ("fallback:", "falback:", r":9: falback: unknown key; did you mean 'fallback'"),
        ("[input, output]", "[inptu]", r":4: policies.0.stages.0: .*'input', 'output' or 'tool'"),
        ("[input, output]", "[]", r":4: policies.0.stages: "),
        ("{max", "{max_chars: 1, max", r":2: policies.0 'short': .*max_chars"),
        ("{max_characters: 5}", "{max_characters: -5}", r"'short': .*max_characters"),
        ("policies.size:MaximumSize", "policies.siez:Size", r"'short': use: 'policies.siez:Size'"),
        ("policies.size:MaximumSize", "fractions:Fraction", r"'short': "),
        ("name: short", "name: ''", r":2: policies.0.name"),
        ("name: short", "name: " + "x" * 99, r"policies.0.name"),
        ("resample: 2", "resample: 1000", r"fallback.resample"),
        ("options:", "timeout_ms: true\n    options:", r":6: .*timeout_ms"),
        ("options:", "roles: [user, users]\n    options:", r":6: .*roles.1"),
        ("{en: ", "{english: ", r"templates.size.english"),
        ("on_fail: block", "on_fail: block\n    on_fail: flag", r":6: the key 'on_fail' is given"),
        ("{max_characters: 5}", "&o {max_characters: 5, x: *o}", r":6: refers to itself"),
        ('{text: "1",', '{text: "1", stage: tool,', r"stage 'tool'"),
        (
            '{text: "1",',
            '{text: "1", prompt: a, conversation: [{role: user, content: b}],',
            r"either prompt or conversation",
        ),
        ("policies:", "policies: [", r"strict.yaml:\d+: not valid YAML: "),
        ("[input, output]", "output", r":4: policies.0.stages: a list is meant here"),
        ('{size: {en: "Too long."}}', '{size: "Long"}', r"templates.size: keys with values are"),
        ("name: short", "name: Short Texts", r"policies.0.name: lower case letters"),
        ("{max_characters: 5}", "{max_character: 5}", r"did you mean 'max_characters'\?"),
        (SET, "", r"strict.yaml:1: the file: a file has the keys policies, fallback, templates"),
        (SET, "policies: []", r"policies: "),
        (SET, "[1]", r"strict.yaml:1: the file: "),
        (SET, "a: \udcff", r"can't be read: UnicodeDecodeError"),
        (SET, "a: " + "[" * 5000, r"not valid YAML"),
    ],
)
def test_a_mistake_is_named_with_its_place(load: Load, old: str, new: str, complaint: str):
    """File, line, key and the nearest valid name."""
    assert old in SET
    with pytest.raises(ConfigurationError, match=complaint):
        load(SET.replace(old, new, 1))


def test_a_name_is_given_once(load: Load):
    """Verdicts are told apart by it."""
    first, rest = SET.split("fallback", 1)
    twice = first + first.removeprefix("policies:\n") + "fallback" + rest
    with pytest.raises(ConfigurationError, match=r":9: policies: the name 'short' is given twice"):
        load(twice)


def test_a_missing_or_oversized_file_is_named(tmp_path: Path):
    """Before it is parsed."""
    with pytest.raises(ConfigurationError, match=r"none.yaml: can't be read: FileNotFoundError"):
        load_policy_set(tmp_path / "none.yaml")
    big = tmp_path / "big.yaml"
    big.write_bytes(b"#" * 4_000_001)
    with pytest.raises(ConfigurationError, match="larger than 4000000 bytes"):
        load_policy_set(big)


def test_the_digest_follows_the_content_and_not_the_layout(load: Load):
    """A comment changes nothing, an option, a default said aloud or the order does or does not."""
    digest = load(SET).digest
    assert load("# why\n" + SET).digest == digest
    assert load(SET.replace("on_fail: block", "on_fail: block\n    mode: enforce")).digest == digest
    assert load(SET.replace("characters: 5", "characters: 6")).digest != digest
    assert load(SET.replace("Too long.", "Shorter!")).digest != digest


def test_variables_stand_for_secrets_and_are_no_part_of_the_digest(
    tmp_path: Path,
):
    """A digest over a secret would help to guess it; one that is not set is named."""
    file = tmp_path / "set.yaml"
    handoff = 'fallback: {handoff: {url: "${WHERE}", secret: "${KEY}"}}'
    file.write_text(SET.split("fallback", maxsplit=1)[0] + handoff)
    place = {"WHERE": "http://127.0.0.1:1/", "KEY": "one"}
    one = load_policy_set(file, place)
    two = load_policy_set(file, place | {"KEY": "two"})
    assert one.fallback.handoff is not None
    assert (one.fallback.handoff.secret, one.digest) == ("one", two.digest)
    with pytest.raises(ConfigurationError, match=r"fallback: handoff: secret: .* KEY is not set"):
        load_policy_set(file, {"WHERE": "http://127.0.0.1:1/"})
    with pytest.raises(ConfigurationError, match=r"set.yaml: fallback.handoff.url: "):
        load_policy_set(file, place | {"WHERE": "ftp://127.0.0.1"})
    with pytest.raises(ConfigurationError, match=r"set.yaml: fallback.handoff.secret: "):
        load_policy_set(file, place | {"KEY": "whsec_not base64"})


class Shut:
    """A policy that can't be opened."""

    async def __aenter__(self) -> Self:
        raise TypeError("no such word list")

    async def __aexit__(self, *_: object) -> None: ...

    async def judge(self, subject: Subject) -> Sequence[Finding]: ...


async def test_a_policy_that_can_not_be_opened_is_named(load: Load):
    """With the set that it stands in, and why."""
    use = "tests.gateway.test_policy_sets:Shut"
    shut = load(SET.replace("policies.size:MaximumSize", use).replace("{max_characters: 5}", "{}"))
    with pytest.raises(ConfigurationError, match="'short' of 'strict' can't be opened: TypeErr"):
        async with opened([shut]):
            pass
