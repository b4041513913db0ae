// How examples_test.go runs verify.mjs.
import { verifyBody, verifyWebhook } from './verify.mjs';
import { readFileSync } from 'node:fs';
const [kind, secret, ...rest] = process.argv.slice(2);
const body = readFileSync(0);
if (kind === 'standard') {
  const [id, timestamp, signature, now] = rest;
  const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature };
  console.log(verifyWebhook(secret, headers, body, Number(now)));
} else {
  const [signature, encoding] = rest;
  console.log(verifyBody(secret, signature, body, encoding));
}
