import { createHmac, timingSafeEqual } from 'node:crypto';

// Standard Webhooks. body: the raw bytes as they came (in Express:
// express.raw({ type: '*/*' })), never JSON.stringify(req.body).
export function verifyWebhook(secret, headers, body, now = Date.now() / 1000) {
  const id = headers['webhook-id'] ?? '';
  const timestamp = headers['webhook-timestamp'] ?? '';
  if (!id || !/^\d{1,12}$/.test(timestamp) || Math.abs(now - Number(timestamp)) > 300) return false;
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret, 'utf8');
  const want = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
  return (headers['webhook-signature'] ?? '').split(' ').some((part) => {
    const [version, value = ''] = part.split(',');
    const got = Buffer.from(value, 'base64');
    return version === 'v1' && got.length === want.length && timingSafeEqual(got, want);
  });
}

// The older profiles sign the body alone: encoding is 'hex' (SharpAPI's
// X-Signature, X-Antinium-Signature) or 'base64' (Unitary's X-Hub-Signature-256).
export function verifyBody(secret, signature, body, encoding = 'hex') {
  const want = createHmac('sha256', secret).update(body).digest();
  const got = Buffer.from(signature ?? '', encoding);
  return got.length === want.length && timingSafeEqual(got, want);
}
