"""OpenAI's error body, the only shape in which this gateway reports an error."""

from collections.abc import Mapping

_TYPES: Mapping[int, str] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    429: "rate_limit_error",
}


def error_body(
    status: int, message: str, *, code: str | None = None, param: str | None = None
) -> dict[str, dict[str, str | None]]:
    """`{"error": {message, type, param, code}}`; the type follows from the status."""
    server_side = 500
    fallback = "server_error" if status >= server_side else "invalid_request_error"
    return {
        "error": {
            "message": message,
            "type": _TYPES.get(status, fallback),
            "param": param,
            "code": code,
        }
    }
