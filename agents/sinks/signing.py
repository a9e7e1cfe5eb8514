"""Signatures of Standard Webhooks (https://www.standardwebhooks.com, version 1.0.0, symmetric)."""

import base64
import binascii
import hmac
from hashlib import sha256
from typing import Final

_PREFIX: Final = "whsec_"
_LEAST, _MOST = 24, 64


def signing_key(secret: str) -> bytes:
    """The key in a secret `whsec_…`.

    Raises: ValueError, which does not repeat the secret."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True) if secret.startswith(_PREFIX) else b""
    except binascii.Error:
        key = b""
    if not _LEAST <= len(key) <= _MOST:
        raise ValueError(f"a secret is {_PREFIX} and {_LEAST} to {_MOST} bytes in base64 after it")
    return key


def sign(key: bytes, webhook_id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: HMAC-SHA256 over id, timestamp (seconds since 1970 UTC) and body."""
    content = b"%s.%d.%s" % (webhook_id.encode(), timestamp, body)
    return "v1," + base64.b64encode(hmac.digest(key, content, sha256)).decode()
