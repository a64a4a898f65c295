"""What becomes of each field of a chat-completion request, as one table.

A field that is neither used nor refused is harmless or unknown: it is dropped, and reported to
the client in `winnow.ignored`. Reasons to refuse: vLLM's own request fields can show the hidden
prompt, cut it off, steer the text past the guards, or take the engine down.
"""

from collections.abc import Mapping
from typing import Final

_PROMPT = "it can show or alter the operator's prompt"
_STEERS = "it steers the text past the policies"
_ENGINE = "it can harm the engine"
_EGRESS = "a request never chooses where the gateway connects to"
_NOT_YET = "this version does not support it yet, and dropping it would change the answer"

REFUSED: Final[Mapping[str, str]] = {
    "return_prompt_text": _PROMPT,
    "prompt_logprobs": _PROMPT,
    "return_token_ids": _PROMPT,
    "return_tokens_as_token_ids": _PROMPT,
    "truncate_prompt_tokens": _PROMPT,
    "truncation_side": _PROMPT,
    "continue_final_message": _PROMPT,
    "add_generation_prompt": _PROMPT,
    "add_special_tokens": _PROMPT,
    "echo": _PROMPT,
    "chat_template": _PROMPT,
    "chat_template_kwargs": _PROMPT,
    "documents": _PROMPT,
    "structured_outputs": _STEERS,
    "guided_json": _STEERS,
    "guided_regex": _STEERS,
    "guided_choice": _STEERS,
    "guided_grammar": _STEERS,
    "grammar": _STEERS,
    "json_schema": _STEERS,
    "allowed_token_ids": _STEERS,
    "bad_words": _STEERS,
    "logit_bias": _STEERS,
    "logits_processors": _STEERS,
    "ignore_eos": _ENGINE,
    "min_tokens": _ENGINE,
    "use_beam_search": _ENGINE,
    "best_of": _ENGINE,
    "priority": _ENGINE,
    "request_id": _ENGINE,
    "kv_transfer_params": _ENGINE,
    "vllm_xargs": _ENGINE,
    "mm_processor_kwargs": _ENGINE,
    "media_io_kwargs": _ENGINE,
    "cache_salt": _ENGINE,
    "id_slot": _ENGINE,
    "api_base": _EGRESS,
    "base_url": _EGRESS,
    "api_key": _EGRESS,
    "extra_body": _EGRESS,
    "extra_headers": _EGRESS,
    "tools": _NOT_YET,
    "tool_choice": _NOT_YET,
    "parallel_tool_calls": _NOT_YET,
    "functions": _NOT_YET,
    "function_call": _NOT_YET,
    "response_format": _NOT_YET,
    "logprobs": _NOT_YET,
    "top_logprobs": _NOT_YET,
    "modalities": _NOT_YET,
    "audio": _NOT_YET,
    "prediction": _NOT_YET,
    "web_search_options": _NOT_YET,
}

# What clients send by default, and what then means nothing: not worth refusing.
MEANINGLESS: Final[Mapping[str, tuple[object, ...]]] = {
    "tools": (None, []),
    "tool_choice": (None, "none"),
    "parallel_tool_calls": (None, True, False),
    "functions": (None, []),
    "function_call": (None, "none"),
    "response_format": (None, {"type": "text"}),
    "logprobs": (None, False),
    "top_logprobs": (None, 0),
    "logit_bias": (None, {}),
    "modalities": (None, ["text"]),
    "audio": (None,),
    "prediction": (None,),
    "best_of": (None, 1),
    "echo": (None, False),
}
