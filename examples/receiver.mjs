// Receives webhooks at http://127.0.0.1:9000, verifies each with WEBHOOK_SECRET
// and prints it. The file that it is given gets what was signed.
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { verifyWebhook } from './verify/node/verify.mjs';

const { WEBHOOK_SECRET: secret, PORT: port = 9000 } = process.env;

createServer(async (request, response) => {
  const body = Buffer.concat(await request.toArray());
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature } = request.headers;
  const verified = verifyWebhook(secret, request.headers, body);
  if (process.argv[2]) writeFileSync(process.argv[2], Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]));
  console.log(verified ? 'verified' : 'NOT verified', signature, body.toString());
  response.writeHead(verified ? 204 : 401).end();
}).listen(port, '127.0.0.1', () => console.log('listening'));
