// Computes the sealed secret that TestForm pins, with Node's own cryptography.
import { hkdfSync, createCipheriv } from "node:crypto";
const text = "0123456789abcdefghijklmnopqrstuv";
const derive = (purpose, size) =>
  Buffer.from(hkdfSync("sha256", text, "", `jobhook/sealing/v1/${purpose}`, size));
const field = (s) => {
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(Buffer.byteLength(s)));
  return Buffer.concat([size, Buffer.from(s)]);
};
const createdAt = Buffer.alloc(8);
createdAt.writeBigInt64BE(BigInt(Date.UTC(2026, 10, 21, 12, 0, 0, 7))); // milliseconds
const nonce = Buffer.from("twelve bytes");
const cipher = createCipheriv("aes-256-gcm", derive("key", 32), nonce);
cipher.setAAD(Buffer.concat([Buffer.from("jobhook/sealing/v1"), field("acct-1"), field("ep_a"), createdAt]));
const sealed = Buffer.concat([cipher.update("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), cipher.final()]);
const blob = Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString("base64url");
console.log(`v1.${derive("id", 6).toString("hex")}.${blob}`);
