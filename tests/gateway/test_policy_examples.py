"""Policy examples: each is judged by its own policy alone."""

from pathlib import Path

from gateway.policy_examples import run_examples
from gateway.policy_sets import load_policy_set, opened

SET = """
policies:
  - name: short
    use: policies.size:MaximumSize
    stages: [output]
    mode: off
    on_fail: block
    options: {max_characters: 5}
    examples:
      - {text: "12345", expect: pass}
      - {text: "ab", repeat: 3, expect: block}
      - {text: "123456", expect: pass}
  - name: links
    use: policies.grounded_facts:GroundedFacts
    stages: [input, output]
    on_fail: redact
    examples:
      - {text: "see shop.com", stage: output, expect: redact}
      - {text: "see shop.com", prompt: "is it shop.com?", expect: pass}
      - {text: "see shop.com", operator_prompt: "We are shop.com", expect: pass}
      - text: "see shop.com"
        conversation: [{role: system, content: shop.com}, {role: user, content: hi}]
        expect: redact
"""


async def test_an_example_holds_when_the_action_is_the_expected_one(tmp_path: Path):
    """Whatever the mode of its policy, and whatever other policies would say."""
    file = tmp_path / "set.yaml"
    file.write_text(SET)
    sets = [load_policy_set(file)]
    async with opened(sets):
        results = await run_examples(sets)
    assert [(r.policy, r.index, r.actual) for r in results if not r.passed] == [
        ("short", 2, "block")
    ]
    assert len(results) == 7
