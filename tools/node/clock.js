"use strict";
// A clock that runs with the real one and can be moved forward.
//
// install replaces the global timers and Date.now. Timeouts under a second stay
// real: those are the mechanics of a server (sockets, short polls), not the
// delays of what it emulates.

const realSetTimeout = globalThis.setTimeout;
const realClearTimeout = globalThis.clearTimeout;
const realNow = Date.now;

const SHORTEST_MOVABLE_MS = 1000;
const LONGEST_TIMER_MS = 2 ** 31 - 1; // what a Node timer holds; retention may be 14 days

const pending = new Set();
let offset = 0;

const now = () => realNow() + offset;

class Timer {
  constructor(callback, delay, args) {
    this.due = now() + delay;
    this.run = () => {
      this.cancel();
      callback(...args);
    };
    pending.add(this);
    this.arm();
  }

  arm() {
    const left = Math.min(Math.max(this.due - now(), 1), LONGEST_TIMER_MS);
    this.timeout = realSetTimeout(this.run, left);
    this.timeout.unref();
  }

  cancel() {
    realClearTimeout(this.timeout);
    pending.delete(this);
  }

  ref() {
    return this;
  }

  unref() {
    return this;
  }
}

function install() {
  Date.now = now;
  globalThis.setTimeout = (callback, delay = 0, ...args) =>
    delay < SHORTEST_MOVABLE_MS
      ? realSetTimeout(callback, delay, ...args)
      : new Timer(callback, delay, args);
  globalThis.clearTimeout = (timer) =>
    timer instanceof Timer ? timer.cancel() : realClearTimeout(timer);
}

/** advance moves the clock by ms and runs what that makes due, earliest first. */
function advance(ms) {
  if (!(ms > 0)) return;
  offset += ms;
  const timers = [...pending].sort((a, b) => a.due - b.due);
  for (const timer of timers) {
    if (!pending.has(timer)) continue; // an earlier one cancelled it
    if (timer.due <= now()) timer.run();
    else {
      realClearTimeout(timer.timeout);
      timer.arm();
    }
  }
}

module.exports = { install, advance };
