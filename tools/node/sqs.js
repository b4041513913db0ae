"use strict";
// SQS for tests: local-aws-sqs on a free loopback port, with five changes
// that make it usable as a judge. It prints "listening on http://host:port".
//
//  1. Its clock can be moved. POST /_clock/advance?ms=900000 makes every delay,
//     visibility timeout and retention period that falls due in that span fall
//     due now, in order, so that a test of a 15 minute delay needs no waiting.
//  2. A long poll answers as soon as there is something to receive, as SQS
//     does; the library waits the whole time unless the batch is full.
//  3. A long poll whose caller hung up takes no message.
//  4. It knows MessageSystemAttributeNames, which took the place of AttributeNames.
//  5. Message groups of a standard queue share it fairly; the library gives out
//     the oldest message of all, whatever its group.

const http = require("node:http");
const { Readable } = require("node:stream");
const { AsyncLocalStorage } = require("node:async_hooks");
const clock = require("./clock.js");

clock.install();
const { createRequestHandler } = require("local-aws-sqs"); // after the clock: it schedules with the globals

const caller = new AsyncLocalStorage();

function answerEarly(service) {
  const push = service.Queues.push;
  service.Queues.push = function (...queues) {
    for (const queue of queues) {
      wrapReceive(queue);
      wrapChangeVisibility(queue);
    }
    return push.apply(this, queues);
  };
}

function wrapReceive(queue) {
  const receive = queue.receive;
  queue.receive = async function (request = {}) {
    const seconds = Number(request.WaitTimeSeconds ?? this.ReceiveMessageWaitTimeSeconds ?? 0);
    const until = performance.now() + seconds * 1000;
    for (;;) {
      if (caller.getStore()?.destroyed) return [];
      shareFairly(itemsOf(this));
      const messages = await receive.call(this, { ...request, WaitTimeSeconds: 0 });
      if (messages.length > 0 || performance.now() >= until) return messages;
    }
  };
}

/** shareFairly puts first what is of the group with the fewest messages in flight, and so on. */
function shareFairly(items) {
  const inFlight = new Map();
  const groupOf = (item) => item.record.attributes.MessageGroupId;
  const count = (item) => {
    const n = inFlight.get(groupOf(item)) ?? 0;
    inFlight.set(groupOf(item), n + 1);
    return n;
  };
  items.filter((item) => !item.visible).forEach(count);
  const rank = new Map(items.filter((item) => item.visible && !item.delayed).map((item) => [item, count(item)]));
  items.sort((a, b) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0));
}

/** itemsOf finds the queue's own array, which is private: its attributes are counted with filter. */
function itemsOf(queue) {
  const { filter } = Array.prototype;
  let items;
  Array.prototype.filter = function (...of) {
    items ??= this;
    return filter.apply(this, of);
  };
  queue.getAttributes(["All"]);
  Array.prototype.filter = filter;
  return items;
}

const records = new Map(); // the library's own, by message id

/** wrapChangeVisibility takes back the receive that the library counts for it. */
function wrapChangeVisibility(queue) {
  const kind = queue.constructor;
  if (!kind.createRecord.wrapped) {
    const { createRecord } = kind;
    kind.createRecord = (...of) => {
      const made = createRecord.apply(kind, of);
      records.set(made[0].MessageId, new WeakRef(made[0])); // the queue holds it while it is there
      return made;
    };
    kind.createRecord.wrapped = true;
  }
  const change = queue.changeVisibility;
  queue.changeVisibility = function (handle, seconds) {
    const changed = change.call(this, handle, seconds);
    const text = Buffer.from(handle, "base64").toString();
    const { MessageId } = JSON.parse(text.slice(text.indexOf("{")));
    const { attributes } = records.get(MessageId).deref() ?? { attributes: {} };
    if (changed) attributes.ApproximateReceiveCount = String(attributes.ApproximateReceiveCount - 1);
    return changed;
  };
}

/** withAttributeNames returns the request with the attributes' names where the library looks for them. */
async function withAttributeNames(request) {
  const chunks = await request.toArray();
  let body = Buffer.concat(chunks);
  if (request.headers["x-amz-target"] === "AmazonSQS.ReceiveMessage") {
    const asked = JSON.parse(body);
    asked.AttributeNames ??= asked.MessageSystemAttributeNames;
    body = Buffer.from(JSON.stringify(asked));
  }
  const { headers, method, url } = request;
  return Object.assign(Readable.from([body]), { headers, method, url });
}

function main() {
  let handle;
  const server = http.createServer(async (request, response) => {
    const url = new URL(request.url, "http://127.0.0.1");
    if (url.pathname === "/_clock/advance") {
      clock.advance(Number(url.searchParams.get("ms")));
      response.end();
      return;
    }
    try {
      const complete = await withAttributeNames(request);
      await caller.run(response, () => handle(complete, response));
    } catch (error) {
      response.destroy(error); // a caller that hung up, or sent no JSON
    }
  });
  server.listen(Number(process.env.PORT ?? 0), process.env.HOST ?? "127.0.0.1", () => {
    const { address, port } = server.address();
    const { service, requestHandler } = createRequestHandler({
      port,
      hostname: address,
      region: "us-east-1",
      accountId: "123456789012",
      emulateQueueCreationLifecycle: false, // a test may reuse a name at once
    });
    answerEarly(service);
    handle = requestHandler;
    console.log(`listening on http://${address}:${port}`);
  });
}

main();
