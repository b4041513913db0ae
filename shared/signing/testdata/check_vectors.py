"""Computes every header of vectors.json again and fails where one differs.

Python's hmac, and for ed25519 the arithmetic of RFC 8032 written out here, so
that nothing is shared with Node's OpenSSL. Run: python3 check_vectors.py
"""
import base64
import hashlib
import hmac
import json
import pathlib
import sys

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(a, b):
    A, B = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    C, Z = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = B - A, Z - C, Z + C, B + A
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(n, point):
    result = (0, 1, 1, 0)
    while n:
        if n & 1:
            result = add(result, point)
        point, n = add(point, point), n >> 1
    return result


def recover_x(y):
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    return P - x if x & 1 else x


GY = 4 * pow(5, P - 2, P) % P
GX = recover_x(GY)
G = (GX, GY, 1, GX * GY % P)


def compress(p):
    inverse = pow(p[2], P - 2, P)
    x, y = p[0] * inverse % P, p[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def number(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % L


def ed25519(seed, message):
    h = hashlib.sha512(seed).digest()
    a = int.from_bytes(h[:32], "little") & ((1 << 254) - 8) | (1 << 254)
    public = compress(multiply(a, G))
    r = number(h[32:], message)
    big_r = compress(multiply(r, G))
    s = (r + number(big_r, public, message) * a) % L
    return big_r + s.to_bytes(32, "little")


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256)


def b64(data):
    return base64.b64encode(data).decode()


def version(secret, content):
    kind, _, rest = secret.partition("_")
    if kind == "whsk":
        return "v1a," + b64(ed25519(base64.b64decode(rest)[:32], content))
    key = base64.b64decode(rest) if kind == "whsec" else secret.encode()
    return "v1," + b64(mac(key, content).digest())


def headers(v):
    body, t, scheme = v["body"].encode(), str(v["timestamp"]), v["scheme"]
    newest = v["secrets"][0].encode()
    result = {}
    if scheme in ("standard", "sharpapi", "unitary", "antinium", "svix"):
        prefix = "svix" if scheme == "svix" else "webhook"
        content = f"{v['id']}.{t}.".encode() + body
        result = {f"{prefix}-id": v["id"], f"{prefix}-timestamp": t,
                  f"{prefix}-signature": " ".join(version(s, content) for s in v["secrets"])}
    if scheme == "sharpapi":
        result["x-signature"] = mac(newest, body).hexdigest()
    elif scheme == "unitary":
        result["x-hub-signature-256"] = b64(mac(newest, body).digest())
    elif scheme == "antinium":
        result["x-antinium-signature"] = mac(newest, body).hexdigest()
    elif scheme == "stripe":
        sigs = ["v1=" + mac(s.encode(), f"{t}.".encode() + body).hexdigest() for s in v["secrets"]]
        result["stripe-signature"] = ",".join([f"t={t}", *sigs])
    elif scheme == "github":
        result = {"x-github-delivery": v["id"], "x-hub-signature-256": "sha256=" + mac(newest, body).hexdigest()}
    elif scheme == "slack":
        sig = "v0=" + mac(newest, f"v0:{t}:".encode() + body).hexdigest()
        result = {"x-slack-request-timestamp": t, "x-slack-signature": sig}
    elif scheme == "shopify":
        result = {"x-shopify-webhook-id": v["id"], "x-shopify-hmac-sha256": b64(mac(newest, body).digest())}
    return result


def main():
    vectors = json.loads(pathlib.Path(__file__).with_name("vectors.json").read_text(encoding="utf-8"))
    wrong = [v["name"] for v in vectors if headers(v) != v["headers"]]
    print(f"{len(vectors)} vectors, {len(wrong)} differ {wrong}")
    sys.exit(bool(wrong))


main()
