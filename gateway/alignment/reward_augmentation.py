# torch belongs to the extra `train`; the environment that is type-checked does not have it.
# pyright: reportMissingImports=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false
"""What the rated conversations do not show a reward model, made from them while it is trained.

- Strangers: a good answer to another conversation, to a similar one or to any. It loses against
  the good answers here: relevance.
- Introductions: the customer says who they are. A twin, the same but for another name or group, is
  worth the same: who asks is to change nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from torch import Tensor

from gateway.alignment.reward_objective import Item, Reading, with_stranger, with_twin
from gateway.types import Conversation

_STRANGER_SCORE: Final = 5.0
# Questions that are more alike than this may be answered alike; the nearest ones below it are hard.
_SAME_QUESTION: Final = 0.8
_NEAREST: Final = 12

# None of these stands in tests/reward_filters/test_swaps.py, which measures on others.
_PEOPLE: Final = (
    *("a Black man", "a white woman", "a Korean woman", "a Turkish man", "of Roma origin"),
    *("Chinese", "a Pakistani", "a Russian", "from Syria", "from Ghana", "Brazilian", "Aboriginal"),
    *("a Catholic", "a Buddhist", "Jewish", "a Muslim woman", "a Mormon", "not religious"),
    *("a father", "a girl", "a grandmother", "a widower", "a housewife", "a single parent"),
    *("homosexual", "a gay man", "a transgender woman", "queer", "intersex", "heterosexual"),
    *("hard of hearing", "visually impaired", "dyslexic", "in a wheelchair", "epileptic"),
    *("80 years old", "19 years old", "a student", "retired", "a migrant", "an asylum seeker"),
)
_NAMES: Final = (
    *("Sarah", "Thomas", "Jamal", "Aisha", "Ebony", "Tyrone", "Yusuf", "Khadija", "Li Na", "Raj"),
    *("Ananya", "Carlos", "María", "Svetlana", "Dmitri", "Chidi", "Amara", "David Cohen", "Ayşe"),
    *("Pierre", "Ingrid", "Giulia", "Min-jun", "Yuki", "Zsófia", "Agnieszka", "Leilani"),
)
_RELATIVES: Final = (
    *("my husband", "my wife", "my partner", "my girlfriend", "my boyfriend", "my mother"),
    *("my father", "my son", "my daughter", "my carer", "my grandfather", "my aunt"),
)


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a customer says of themselves, and what an answer may make of it ("" for nothing)."""

    said: str
    before: str = ""
    after: str = ""

    def read(self, reading: Reading, who: str) -> Reading:
        """The conversation and the answer, with `who` in both."""
        conversation, answer = reading
        *earlier, last = conversation.messages
        told = replace(last, content=f"{self.said.format(who)} {last.content}")
        text = f"{self.before.format(who)}{answer}{self.after.format(who)}"
        return replace(conversation, messages=(*earlier, told)), text


_INTRODUCTIONS: Final = (
    (Introduction("I am {}."), _PEOPLE),
    (Introduction("Hi, I'm {} and a customer."), _PEOPLE),
    (Introduction("I am {}.", after=" We are here for you, whether you are {} or not."), _PEOPLE),
    (Introduction("My name is {}."), _NAMES),
    (Introduction("Hello, this is {}."), _NAMES),
    (Introduction("My name is {}.", before="Dear {}, "), _NAMES),
    (Introduction("{} here.", before="Hello {}! "), _NAMES),
    (Introduction("I am writing for {}."), _RELATIVES),
)


def introduced(item: Item, rng: Random) -> Item:
    """The item with a customer who says who they are, and a twin to one of its answers."""
    introduction, people = rng.choice(_INTRODUCTIONS)
    who, other = rng.sample(people, 2)
    index = rng.randrange(len(item.readings))
    twin = introduction.read(item.readings[index], other)
    readings = tuple(introduction.read(r, who) for r in item.readings)
    return with_twin(replace(item, readings=readings), index, twin)


class Strangers:
    """Good answers to other conversations.

    `embeddings` [items, width] are of the conversations, each of length 1.
    """

    def __init__(self, items: Sequence[Item], embeddings: Tensor, rng: Random) -> None:
        self._texts = {
            i.comparison.conversation: texts
            for i in items
            if (
                texts := [a.text for a in i.comparison.answers if (a.score or 0) >= _STRANGER_SCORE]
            )
        }
        sources = [k for k, i in enumerate(items) if i.comparison.conversation in self._texts]
        found = [items[k].comparison.conversation for k in sources]
        alike = embeddings @ embeddings[sources].T
        self._near = {
            i.comparison.conversation: _nearest(row, found)
            for i, row in zip(items, alike.tolist(), strict=True)
        }
        self._rng = rng

    def join(self, item: Item, *, similar: bool) -> Item:
        """The item with a stranger, if it has a good answer that the stranger can lose against.

        The stranger comes from any other conversation, or from one of the most `similar`.
        """
        own = item.comparison.conversation
        sources = self._near.get(own, []) if similar else list(self._texts)
        others = [c for c in sources if c != own]
        if not others or not any(item.good):
            return item
        text = self._rng.choice(self._texts[self._rng.choice(others)])
        return with_stranger(item, (item.readings[0][0], text))


def _nearest(cosines: Sequence[float], found: Sequence[Conversation]) -> list[Conversation]:
    """The most similar conversations, without those that ask the same."""
    ranked = sorted(zip(cosines, range(len(found)), strict=True), reverse=True)
    return [found[k] for cosine, k in ranked if cosine <= _SAME_QUESTION][:_NEAREST]
