"""Signs what is posted to a webhook, as the Standard Webhooks specification says.

https://www.standardwebhooks.com lists libraries that verify it in many languages.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping

_ENCODED = "whsec_"


def signing_key(secret: str) -> bytes:
    """The key of a secret: the base64 after "whsec_", or else the secret's own bytes.

    Raises:
        ValueError: what stands after "whsec_" is not base64.
    """
    encoded = secret.removeprefix(_ENCODED)
    return secret.encode() if encoded == secret else base64.b64decode(encoded, validate=True)


def signature_headers(secret: str, message_id: str, seconds: int, body: bytes) -> Mapping[str, str]:
    """The three headers of a message sent at `seconds` (Unix time); none without a secret.

    `webhook-signature` is "v1," and the base64 of the HMAC-SHA256 of "ID.SECONDS.BODY". The
    receiver refuses old ones, and takes a second message with the same id for a repetition.
    """
    if not secret:
        return {}
    signed = f"{message_id}.{seconds}.".encode() + body
    digest = hmac.digest(signing_key(secret), signed, hashlib.sha256)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
