// Writes vectors.json: for each case the headers that its sender would set,
// computed with Node's crypto. check_vectors.py computes them again in Python.
// Run: node make_vectors.mjs && python3 check_vectors.py
import { createHmac, createPrivateKey, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';

const seeds = {
  a: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  b: 'whsec_' + Buffer.from('0123456789abcdef0123456789ABCDEF').toString('base64'),
  long: 'whsec_' + Buffer.alloc(64, 0xa5).toString('base64'),
  ed: 'whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=',
  own: "It's a Secret to Everybody",
  umlaut: 'Schlüssel mit ✓',
};
const id = 'msg_p5jXN8AQM9LWM0D4loKWxJek';
const bodies = {
  spec: '{"test": 2432232314}',
  empty: '',
  hello: 'Hello, World!',
  unicode: '{"text":"Grüße 🎉 \u2028","n":1e21}',
  long: '{"x":"' + 'ab'.repeat(200) + '"}',
};

const part = (s) => Buffer.from(s.slice(s.indexOf('_') + 1), 'base64');
const key = (s) => (s.startsWith('whsec_') ? part(s) : Buffer.from(s));
const hmac = (k, enc, ...data) => data.reduce((h, d) => h.update(d), createHmac('sha256', k)).digest(enc);

function ed25519(secret, data) {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), part(secret).subarray(0, 32)]);
  return sign(null, data, createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })).toString('base64');
}

function list(prefix, c) {
  const content = Buffer.from(`${c.id}.${c.timestamp}.${c.body}`);
  const value = c.secrets.map((s) =>
    s.startsWith('whsk_') ? 'v1a,' + ed25519(s, content) : 'v1,' + hmac(key(s), 'base64', content));
  return { [`${prefix}-id`]: c.id, [`${prefix}-timestamp`]: String(c.timestamp), [`${prefix}-signature`]: value.join(' ') };
}

const schemes = {
  standard: (c) => list('webhook', c),
  svix: (c) => list('svix', c),
  sharpapi: (c) => ({ ...list('webhook', c), 'x-signature': hmac(c.secrets[0], 'hex', c.body) }),
  unitary: (c) => ({ ...list('webhook', c), 'x-hub-signature-256': hmac(c.secrets[0], 'base64', c.body) }),
  antinium: (c) => ({ ...list('webhook', c), 'x-antinium-signature': hmac(c.secrets[0], 'hex', c.body) }),
  stripe: (c) => ({ 'stripe-signature': [`t=${c.timestamp}`,
    ...c.secrets.map((s) => 'v1=' + hmac(s, 'hex', `${c.timestamp}.`, c.body))].join(',') }),
  github: (c) => ({ 'x-github-delivery': c.id, 'x-hub-signature-256': 'sha256=' + hmac(c.secrets[0], 'hex', c.body) }),
  slack: (c) => ({ 'x-slack-request-timestamp': String(c.timestamp),
    'x-slack-signature': 'v0=' + hmac(c.secrets[0], 'hex', `v0:${c.timestamp}:`, c.body) }),
  shopify: (c) => ({ 'x-shopify-webhook-id': c.id, 'x-shopify-hmac-sha256': hmac(c.secrets[0], 'base64', c.body) }),
};

const rings = { standard: [['a'], ['b', 'a'], ['long'], ['ed'], ['ed', 'a'], ['own'], ['umlaut']],
  svix: [['a'], ['b', 'a']], stripe: [['own'], ['b', 'a']],
  sharpapi: [['own'], ['a'], ['b', 'own']], unitary: [['own'], ['a'], ['umlaut', 'ed']], antinium: [['own'], ['long']] };

const vectors = [];
for (const [scheme, headers] of Object.entries(schemes)) {
  for (const ring of rings[scheme] ?? [['own'], ['umlaut'], ['a']]) {
    for (const [name, body] of Object.entries(bodies)) {
      const c = { id, timestamp: 1614265330, secrets: ring.map((n) => seeds[n]), body };
      vectors.push({ name: `${scheme} ${ring.join('+')} ${name}`, scheme, ...c, headers: headers(c) });
    }
  }
}
writeFileSync(new URL('vectors.json', import.meta.url), JSON.stringify(vectors, null, 1) + '\n');
console.log(`${vectors.length} vectors`);
