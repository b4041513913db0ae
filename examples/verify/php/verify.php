<?php
// Standard Webhooks. $headers: by lower-case names; $body: the raw bytes,
// file_get_contents('php://input'), never json_encode of what was decoded.
function verify_webhook(string $secret, array $headers, string $body, ?int $now = null): bool
{
    $id = $headers['webhook-id'] ?? '';
    $timestamp = $headers['webhook-timestamp'] ?? '';
    if ($id === '' || !preg_match('/^[0-9]{1,12}$/D', $timestamp) || abs(($now ?? time()) - (int) $timestamp) > 300) {
        return false;
    }
    $key = str_starts_with($secret, 'whsec_') ? base64_decode(substr($secret, 6), true) : $secret;
    if ($key === false) {
        return false;
    }
    $want = hash_hmac('sha256', "$id.$timestamp.$body", $key, true);
    $found = false;
    foreach (explode(' ', $headers['webhook-signature'] ?? '') as $part) {
        if (str_starts_with($part, 'v1,')) {
            $got = base64_decode(substr($part, 3), true);
            $found = ($got !== false && hash_equals($want, $got)) || $found;
        }
    }
    return $found;
}

// The older profiles sign the body alone: $encoding is 'hex' (SharpAPI's
// X-Signature, X-Antinium-Signature) or 'base64' (Unitary's X-Hub-Signature-256).
function verify_body(string $secret, string $signature, string $body, string $encoding = 'hex'): bool
{
    $want = hash_hmac('sha256', $body, $secret, true);
    $want = $encoding === 'hex' ? bin2hex($want) : base64_encode($want);
    return hash_equals($want, $encoding === 'hex' ? strtolower($signature) : $signature);
}
