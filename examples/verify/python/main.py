# How examples_test.go runs verify.py.
import sys

from verify import verify_body, verify_webhook

kind, secret, *rest = sys.argv[1:]
body = sys.stdin.buffer.read()
if kind == "standard":
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    ok = verify_webhook(secret, dict(zip(names, rest)), body, float(rest[3]))
else:
    ok = verify_body(secret, rest[0], body, rest[1])
print("true" if ok else "false")
