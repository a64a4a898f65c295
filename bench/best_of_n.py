# Typer types its Option and Argument only in part:
# pyright: reportUnknownMemberType=false
"""Ten customer messages answered with one candidate and with four, side by side.

`python -m bench.best_of_n --url http://127.0.0.1:8000` asks a running gateway (the demo, or with
`--key`). Both answers are drawn anew, so the table shows what a customer would have seen.
"""

import time
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

MESSAGES = (
    "Where is my order? It should have come on Monday.",
    "My parcel arrived broken. What now?",
    "I was charged twice for the same thing!",
    "What is the phone number of the driver?",
    "Can I change the delivery address after ordering?",
    "I want a refund, this is the third time I ask.",
    "How do I delete my account?",
    "Do you ship to Norway, and what does it cost?",
    "Your assistant told me I would get 50 euros back. When does it come?",
    "I forgot my password and the e-mail never arrives.",
)


def ask(client: httpx.Client, message: str, n: int) -> tuple[dict[str, Any], float]:
    body = {
        "model": "support",
        "messages": [{"role": "user", "content": message}],
        "winnow": {"n_candidates": n},
    }
    started = time.perf_counter()
    response = client.post("/v1/chat/completions", json=body)
    response.raise_for_status()
    return response.json(), time.perf_counter() - started


def cell(answer: dict[str, Any], seconds: float) -> str:
    winnow, choice = answer["winnow"], answer["choices"][0]
    reward = "-" if winnow["reward"] is None else f"{winnow['reward']:.2f}"
    counts = winnow["candidates"]
    head = f"[reward {reward}, {counts['passed']}/{counts['sampled']} passed, {seconds:.1f} s"
    return escape(f"{head}, {choice['finish_reason']}]\n{choice['message']['content']}")


def main(
    url: Annotated[str, typer.Option()] = "http://127.0.0.1:8000",
    key: Annotated[str, typer.Option(envvar="WINNOW_KEY")] = "unused",
) -> None:
    table = Table("message", "n = 1", "n = 4", show_lines=True)
    rewards: dict[int, list[float]] = {1: [], 4: []}
    with httpx.Client(
        base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=180
    ) as client:
        for message in MESSAGES:
            cells: list[str] = []
            for n, given in rewards.items():
                answer, seconds = ask(client, message, n)
                if answer["winnow"]["reward"] is not None:
                    given.append(answer["winnow"]["reward"])
                cells.append(cell(answer, seconds))
            table.add_row(message, *cells)
    console = Console()
    console.print(table)
    for n, given in rewards.items():
        mean = sum(given) / max(len(given), 1)
        console.print(f"n = {n}: mean reward {mean:.2f} of {len(given)} answered")


if __name__ == "__main__":
    typer.run(main)
