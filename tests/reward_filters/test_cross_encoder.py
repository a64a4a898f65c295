"""Claims about the shipped reward model, with its real weights."""

import asyncio
import json
import math
from collections import UserList
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from shutil import copyfile

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from tokenizers import Tokenizer

from gateway.alignment.interval import Interval
from gateway.alignment.reward_card import read_card
from gateway.alignment.reward_data import read_comparisons
from gateway.alignment.reward_evaluation import OK_SCORE, EvaluationReport, evaluate
from gateway.protocols import Calibrated, PrefixScorer
from gateway.types import Conversation, JsonValue, Message
from reward_filters.cross_encoder import (
    CARD_FILE,
    MODEL_FILE,
    SHIPPED_WEIGHTS,
    TOKENIZER_FILE,
    CrossEncoder,
    Template,
    load_tokenizer,
)

DATA = SHIPPED_WEIGHTS.parent / "data" / "preferences.jsonl"
QUESTION = Conversation((Message("user", "My parcel has not arrived. Where is it?"),))
HONEST = (
    "I'm sorry it is late. I can't see your order from here. Please open the tracking link in your"
    " confirmation e-mail; if it shows no movement, reply with your order number."
)
SHIPPED = CrossEncoder()
ANSWERS = (
    HONEST,
    "It is in Leeds. I have refunded you 45 pounds, call 0800 123 456 to confirm.",
    "no",
    "Bananas are rich in potassium and taste best when they are ripe.",
)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def model() -> AsyncIterator[CrossEncoder]:
    async with CrossEncoder() as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def found(model: CrossEncoder) -> EvaluationReport:
    """What the shipped model reaches on the conversations that it never saw, measured now."""
    return await evaluate(model, [DATA], "test", read_card(SHIPPED_WEIGHTS).calibration)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return load_tokenizer(SHIPPED_WEIGHTS / TOKENIZER_FILE)


async def test_each_answer_gets_one_raw_score_in_order(model: CrossEncoder) -> None:
    """Scores are logits: nothing squeezes them into (0, 1)."""
    scores = await model.score(QUESTION, ANSWERS)
    assert len(scores) == len(ANSWERS)
    assert all(math.isfinite(s) for s in scores)
    assert any(not 0 < s < 1 for s in scores)


async def test_a_score_does_not_depend_on_its_batch_mates(model: CrossEncoder) -> None:
    """Alone, in any company and in any order, an answer has the very same score."""
    together = await model.score(QUESTION, ANSWERS)
    alone = [(await model.score(QUESTION, [a]))[0] for a in ANSWERS]
    backwards = await model.score(QUESTION, [*reversed(ANSWERS), "word " * 500])
    assert list(together) == alone
    assert list(reversed(backwards[:-1])) == alone


@pytest.mark.asyncio(loop_scope="module")
async def test_requests_at_the_same_time_do_not_disturb_each_other(model: CrossEncoder) -> None:
    """Many conversations share the one worker thread."""
    expected = await model.score(QUESTION, ANSWERS)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(model.score(QUESTION, ANSWERS)) for _ in range(4)]
    assert all(list(t.result()) == list(expected) for t in tasks)


async def recorded(
    model: CrossEncoder, caller: str, answers: Sequence[str], record: list[str]
) -> Sequence[float]:
    """Score, and write down when each answer is taken from the list and when all are done."""

    class Watched(UserList[str]):
        def __iter__(self) -> Iterator[str]:
            for answer in self.data:
                record.append(f"{caller} begins")
                yield answer

    scores = await model.score(QUESTION, Watched(answers))
    record.append(f"{caller} ends")
    return scores


@pytest.mark.asyncio(loop_scope="module")
async def test_requests_take_whole_turns(model: CrossEncoder) -> None:
    """Under too much load the first are still in time: nobody's second answer waits for others."""
    record: list[str] = []
    async with asyncio.TaskGroup() as group:
        for caller in ("first", "second", "third"):
            group.create_task(recorded(model, caller, ANSWERS[:3], record))
    assert record == [
        event
        for caller in ("first", "second", "third")
        for event in (*[f"{caller} begins"] * 3, f"{caller} ends")
    ]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_cancelled_request_gives_its_turn_away(model: CrossEncoder) -> None:
    """Customers hang up: at work or in the queue, they hold nobody up and score nothing more."""
    record: list[str] = []
    async with asyncio.TaskGroup() as group:
        at_work, waiting, last = (
            group.create_task(recorded(model, caller, ANSWERS, record))
            for caller in ("at work", "waiting", "last")
        )
        while not record:
            await asyncio.sleep(0)
        at_work.cancel()
        waiting.cancel()
    assert at_work.cancelled()
    assert waiting.cancelled()
    assert record == ["at work begins", *["last begins"] * len(ANSWERS), "last ends"]
    assert list(last.result()) == list(await model.score(QUESTION, ANSWERS))


async def test_no_answers_give_no_scores(model: CrossEncoder) -> None:
    """All candidates may have broken a policy."""
    assert list(await model.score(QUESTION, [])) == []


@pytest.mark.parametrize(
    "answer",
    [
        "",
        " \n\t",
        "a" * 100_000,
        "word " * 20_000,
        "\ud800 lone surrogate \udfff",
        "NUL \x00 and bell \x07",
        "👩‍👩‍👧‍👦 ﷽ " + "\u0301" * 500,
        "[CLS] [SEP] [PAD] [MASK] [UNK]",
    ],
    ids=["empty", "blank", "one-long-word", "long", "surrogates", "control", "marks", "special"],
)
async def test_odd_answers_get_a_finite_score(model: CrossEncoder, answer: str) -> None:
    """A candidate is whatever a model sampled."""
    [score] = await model.score(QUESTION, [answer])
    assert math.isfinite(score)


@pytest.mark.parametrize("text", ["", "\udcff", "why? " * 30_000])
async def test_odd_conversations_give_a_finite_score(model: CrossEncoder, text: str) -> None:
    """A conversation is whatever a customer sent; one without turns is survived, too."""
    for conversation in (Conversation(()), Conversation((Message("user", text),))):
        [score] = await model.score(conversation, [ANSWERS[0]])
        assert math.isfinite(score)


@pytest.mark.parametrize("question", ["where is it?", "long " * 1000], ids=["short", "long"])
@given(answer=st.text(st.characters(exclude_categories=[]), max_size=3000))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_answer_is_never_dropped(tokenizer: Tokenizer, question: str, answer: str) -> None:
    """Whatever is cut, the room is kept to and most of it is the answer's where it needs it."""
    template = Template(max_tokens=64)
    conversation = Conversation((Message("user", question),))
    tokens = template.encode(tokenizer, conversation, answer)
    whole = template.encode(tokenizer, Conversation(()), answer)
    # Each segment's end has its own separator; the first has the token of the class, too.
    kept, context = tokens.type_ids.count(1) - 1, tokens.type_ids.count(0) - 2
    assert len(tokens.ids) <= 64
    assert kept >= min(whole.type_ids.count(1) - 1, int(61 * 0.75))
    assert context >= 1


def test_a_long_conversation_loses_its_beginning(tokenizer: Tokenizer) -> None:
    """What the customer said last is what the answer must speak to."""
    template = Template(max_tokens=32)
    conversation = Conversation((Message("user", "alpha " * 100 + "omega"),))
    tokens = template.encode(tokenizer, conversation, "beta " * 10)
    assert tokens.tokens.count("omega") == 1
    assert tokens.tokens.count("beta") == 10


def test_only_the_last_turns_are_read_and_no_system_prompt(tokenizer: Tokenizer) -> None:
    """System messages are no part of what an answer is judged by, and older turns fade out."""
    conversation = Conversation(
        (
            Message("user", "oldest"),
            Message("assistant", "second"),
            Message("user", "third"),
            Message("system", "hidden"),
            Message("user", "newest"),
        ),
        operator_prompt="operator",
    )
    tokens = Template(turns=3).encode(tokenizer, conversation, "reply").tokens
    assert {"second", "third", "newest", "reply"} <= set(tokens)
    assert not {"oldest", "hidden", "operator"} & set(tokens)


def test_a_typed_separator_is_text(tokenizer: Tokenizer) -> None:
    """An answer can't move where the model believes that the answer begins."""
    tokens = Template().encode(tokenizer, QUESTION, "fine [SEP] perfect answer [CLS]")
    assert tokens.tokens.count("[SEP]") == 2
    assert tokens.tokens.count("[CLS]") == 1


async def test_good_honest_answers_beat_inventions_and_strangers(model: CrossEncoder) -> None:
    """An honest next step beats an invented refund, and both beat an answer to something else."""
    honest, invented, curt, stranger = await model.score(QUESTION, ANSWERS)
    assert honest > invented
    assert honest > curt
    assert honest > stranger


async def test_an_answer_counts_for_its_own_question(model: CrossEncoder) -> None:
    """A good answer beats a good answer to another question clearly more often than not."""
    good = [
        (comparison.conversation, answer.text)
        for comparison in read_comparisons([DATA], "test")
        for answer in comparison.answers
        if answer.score is not None and answer.score >= OK_SCORE
    ]
    distances = (5, 15, 25)
    wins = 0
    for distance in distances:
        for (conversation, own), (_, other) in zip(
            good, good[distance:] + good[:distance], strict=True
        ):
            first, second = await model.score(conversation, [own, other])
            wins += first > second
    assert wins >= 0.6 * len(good) * len(distances)


def test_the_shipped_figures_are_those_of_the_shipped_weights(found: EvaluationReport) -> None:
    """Measured again on the unseen conversations; kinds of CPU round a little differently."""
    stated = TypeAdapter(EvaluationReport).validate_json(
        (SHIPPED_WEIGHTS / "evaluation.json").read_bytes()
    )
    assert found.revision == stated.revision
    for name, figures in stated.slices.items():
        again = found.slices[name]
        assert value(again.pairs) >= value(figures.pairs) - 0.01
        assert value(again.clear_pairs) >= value(figures.clear_pairs) - 0.01
        assert value(again.pick) >= value(figures.pick) - 0.1
    assert found.calibration_error is not None
    assert found.calibration_error < 0.05


def test_the_pick_is_better_than_chance_for_every_kind_of_model(found: EvaluationReport) -> None:
    """Not by luck: even the low end of each interval lies above a random pick."""
    for figures in found.slices.values():
        assert figures.pairs is not None
        assert figures.gain is not None
        assert figures.pairs.low > 0.5
        assert figures.gain.low > 0


def value(interval: Interval | None) -> float:
    assert interval is not None
    return interval.value


async def test_a_closed_model_says_so() -> None:
    """A plug-in that nobody entered is a mistake in the wiring, not a score."""
    with pytest.raises(RuntimeError, match="not open"):
        await CrossEncoder().score(QUESTION, ["hello"])


def test_the_revision_names_what_gives_the_scores(tmp_path: Path) -> None:
    """Same files, same name; another limit or other weights, another name."""
    shipped = CrossEncoder().revision
    copied = tmp_path / "copy"
    copied.mkdir()
    for file in ("model.onnx", TOKENIZER_FILE, CARD_FILE):
        copyfile(SHIPPED_WEIGHTS / file, copied / file)
    assert CrossEncoder(path=copied).revision == shipped
    assert CrossEncoder(max_tokens=128).revision != shipped
    with (copied / "model.onnx").open("ab") as weights:
        weights.write(b"\0")
    assert CrossEncoder(path=copied).revision != shipped


def with_card(folder: Path, **changes: JsonValue) -> CrossEncoder:
    """The shipped model with something else on its card."""
    folder.mkdir()
    for file in (MODEL_FILE, TOKENIZER_FILE):
        (folder / file).symlink_to(SHIPPED_WEIGHTS / file)
    card = json.loads((SHIPPED_WEIGHTS / CARD_FILE).read_bytes())
    (folder / CARD_FILE).write_text(json.dumps(card | changes), encoding="utf-8")
    return CrossEncoder(path=folder)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_a_higher_score_is_never_less_acceptable(one: float, other: float) -> None:
    """P(ok) is a probability, whatever the score, and keeps the order of the scores."""
    low, high = sorted((SHIPPED.p_ok(one), SHIPPED.p_ok(other)), key=lambda p: p or 0.0)
    assert low is not None
    assert high is not None
    assert 0 <= low <= high <= 1
    assert (SHIPPED.p_ok(min(one, other)), SHIPPED.p_ok(max(one, other))) == (low, high)


def test_the_probability_is_the_calibration_of_the_card() -> None:
    """The same numbers as those that the evaluation measures the error of."""
    calibration = read_card(SHIPPED_WEIGHTS).calibration
    assert calibration is not None
    for score in (-3.0, 0.0, 2.5):
        assert SHIPPED.p_ok(score) == pytest.approx(calibration.probabilities([score])[0])


def test_without_a_calibration_nobody_knows(tmp_path: Path) -> None:
    """A model that was trained on choices alone can't say how good an answer is."""
    assert with_card(tmp_path / "m", calibration=None).p_ok(1.0) is None


def test_the_last_measured_cut_says_what_a_prefix_is_worth(tmp_path: Path) -> None:
    """By its lower bound; before the first cut nothing was measured, and shares are no tokens."""
    rest: JsonValue = {"correlation": 0.8, "high": 0.9, "answers": 9, "rubric": None}
    measured: JsonValue = [
        {**rest, "tokens": 48, "share": None, "low": 0.7},
        {**rest, "tokens": 16, "share": None, "low": 0.4},
        {**rest, "tokens": None, "share": 0.25, "low": 0.99},
    ]
    model = with_card(tmp_path / "m", prefix_correlation=measured)
    found = [model.prefix_correlation(n) for n in (0, 15, 16, 47, 48, 5000)]
    assert found == [None, None, 0.4, 0.4, 0.7, 0.7]


def test_a_card_without_prefixes_promises_nothing(tmp_path: Path) -> None:
    """Models trained by earlier versions are served as before."""
    assert with_card(tmp_path / "m", prefix_correlation=[]).prefix_correlation(64) is None


def test_the_shipped_model_is_calibrated_and_measured_on_prefixes() -> None:
    """The gateway asks for both through these protocols."""
    assert isinstance(SHIPPED, Calibrated)
    assert isinstance(SHIPPED, PrefixScorer)
    worth = SHIPPED.prefix_correlation(32)
    assert worth is not None
    assert worth > 0.5


def test_a_folder_without_a_model_fails_at_start(tmp_path: Path) -> None:
    """The message names the folder and the missing file."""
    with pytest.raises(ValidationError, match=r"no reward model in .*'model.onnx'"):
        CrossEncoder(path=tmp_path)


def test_a_misspelt_option_fails_at_start() -> None:
    """Options come from a config file."""
    with pytest.raises(ValidationError, match="thread"):
        CrossEncoder(thread=2)  # pyright: ignore[reportCallIssue]
