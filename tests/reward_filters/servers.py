"""Servers of reward models with the shapes of the real ones, whose scores can be foretold.

vLLM's shapes are those of its source (vllm/entrypoints/pooling, 0.32), and tests/vllm holds them
against a real one; those of text-embeddings-inference are its openapi.json's (1.9); the judge
answers as llama.cpp and vLLM do.
"""

from collections.abc import Callable, Mapping
from math import exp, floor, log
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

Score = Callable[[str], list[float]]
Body = dict[str, Any]


def by_length(prompt: str) -> list[float]:
    """One logit: the longer, the better; above 1 for all but the shortest."""
    return [len(prompt) / 100]


def sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x))


def vllm_app(
    score: Score = by_length, seen: list[Body] | None = None, *, old: bool = False
) -> FastAPI:
    """A vLLM pooling server with the model "rm"; an `old` one knows no `use_activation`.

    It answers in reverse order: the `index` says which answer is whose.
    """
    app = FastAPI(openapi_url=None)

    def scored(body: Body) -> list[list[float]]:
        if seen is not None:
            seen.append(body)
        logits = [score(prompt) for prompt in body["input"]]
        if body.get("use_activation") is False and not old:
            return logits
        return [[sigmoid(x) for x in of_one] for of_one in logits]

    def answer(body: Body, data: list[Body]) -> JSONResponse:
        if body["model"] != "rm":
            error = {"message": "The model does not exist.", "type": "NotFoundError", "code": 404}
            return JSONResponse({"error": error}, 404)
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        whole = {"id": "x-1", "object": "list", "created": 1, "model": "rm", "usage": usage}
        return JSONResponse({**whole, "data": data[::-1]})

    @app.post("/classify")
    async def classify(request: Request) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        body = await request.json()
        return answer(
            body,
            [
                {"index": i, "label": "LABEL_0", "probs": values, "num_classes": len(values)}
                for i, values in enumerate(scored(body))
            ],
        )

    @app.post("/pooling")
    async def pool(request: Request) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        body = await request.json()
        if body["task"] != "classify":
            return JSONResponse({"error": {"message": "no such task", "code": 400}}, 400)
        return answer(
            body,
            [
                {"index": i, "object": "pooling", "data": values}
                for i, values in enumerate(scored(body))
            ],
        )

    return app


def tei_app(
    score: Callable[[str, str], Mapping[str, float]],
    seen: list[Body] | None = None,
    *,
    most: int = 32,
) -> FastAPI:
    """A text-embeddings-inference server with the model "acme/rm" that takes `most` texts at once.

    `score` gives the logit of each label to a pair of texts; the highest goes first.
    """
    app = FastAPI(openapi_url=None)

    def predictions(texts: Any, *, raw: bool) -> list[Body]:
        first, second = texts  # a single text is no pair, and nothing that a reward model can score
        logits = score(first, second)
        found = [{"score": x if raw else sigmoid(x), "label": label} for label, x in logits.items()]
        return sorted(found, key=lambda p: p["score"], reverse=True)

    @app.get("/info")
    async def info() -> Body:  # pyright: ignore[reportUnusedFunction]
        return {
            "model_id": "acme/rm",
            "model_sha": "cafe",
            "model_dtype": "float32",
            "model_type": {"classifier": {"id2label": {"0": "A"}, "label2id": {"A": 0}}},
            "max_concurrent_requests": 512,
            "max_input_length": 512,
            "max_batch_tokens": 16384,
            "max_client_batch_size": most,
            "auto_truncate": True,
            "tokenization_workers": 1,
            "version": "1.9.3",
        }

    @app.post("/predict")
    async def predict(request: Request) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        body = await request.json()
        if seen is not None:
            seen.append(body)
        inputs, raw = body["inputs"], body.get("raw_scores", False)
        if isinstance(inputs[0], str):  # a pair by itself, and not a batch of two texts
            return JSONResponse(predictions(inputs, raw=raw))
        if len(inputs) > most:
            message = f"batch size {len(inputs)} > maximum allowed batch size {most}"
            return JSONResponse({"error": message, "error_type": "Validation"}, 413)
        return JSONResponse([predictions(pair, raw=raw) for pair in inputs])

    return app


def judge_app(
    points: Callable[[str], float], seen: list[Body] | None = None, *, bias: float = 0.0
) -> FastAPI:
    """A judge whose expected points are `points(prompt)`, plus `bias` towards the first end named.

    Its next token is one of the two digits around that, or now and then (1 %) no digit at all.
    """
    app = FastAPI(openapi_url=None)

    @app.post("/v1/chat/completions")
    async def complete(request: Request) -> Body:  # pyright: ignore[reportUnusedFunction]
        body = await request.json()
        if seen is not None:
            seen.append(body)
        prompt: str = body["messages"][-1]["content"]
        best_first = prompt.rindex("(best)") < prompt.rindex("(worst)")
        expected = points(prompt) + (bias if best_first else -bias)
        low = floor(expected)
        share = expected - low
        chances = {f"{low}": 1 - share, f" {low + 1}": share}
        top = [
            {"token": token, "logprob": log(0.99 * chance), "bytes": list(token.encode())}
            for token, chance in chances.items()
            if chance > 0
        ]
        top.append({"token": "The", "logprob": log(0.01), "bytes": list(b"The")})
        top.sort(key=lambda token: -float(str(token["logprob"])))
        asked = body["top_logprobs"] if body["logprobs"] else 0
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": body["model"],
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": top[0]["token"]},
                    "finish_reason": "length",
                    "logprobs": {"content": [{**top[0], "top_logprobs": top[:asked]}]},
                }
            ],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }

    return app
