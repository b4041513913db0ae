import base64
import binascii
import hashlib
import hmac
import re
import time


# Standard Webhooks. body: the raw bytes (Flask: request.get_data(), Django:
# request.body), never json.dumps of what was parsed.
def verify_webhook(secret: str, headers: dict, body: bytes, now: float | None = None) -> bool:
    msg_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    now = time.time() if now is None else now
    if not msg_id or not re.fullmatch(r"[0-9]{1,12}", timestamp) or abs(now - int(timestamp)) > 300:
        return False
    key = base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()
    want = hmac.new(key, f"{msg_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    found = False
    for part in headers.get("webhook-signature", "").split():
        version, _, value = part.partition(",")
        try:
            got = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            continue
        found |= version == "v1" and hmac.compare_digest(got, want)
    return found


# The older profiles sign the body alone: encoding is "hex" (SharpAPI's
# X-Signature, X-Antinium-Signature) or "base64" (Unitary's X-Hub-Signature-256).
def verify_body(secret: str, signature: str, body: bytes, encoding: str = "hex") -> bool:
    want = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    try:
        got = bytes.fromhex(signature) if encoding == "hex" else base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(got, want)
