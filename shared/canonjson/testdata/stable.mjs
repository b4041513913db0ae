// For each line "<base64 of the source>\t<canonical text>" writes one JSON line:
// what JSON.stringify(JSON.parse(canonical)) gives, and whether both texts
// parse to the same value (0 and -0, which JSON.stringify does not tell apart,
// being the same).
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';

const parse = (text) => JSON.parse(text, (_, v) => (v === 0 ? 0 : v));
const lines = readFileSync(0, 'utf8').split('\n').filter(Boolean);
for (const line of lines) {
  const [source, canonical] = line.split('\t');
  const text = Buffer.from(source, 'base64').toString('utf8');
  console.log(JSON.stringify({
    out: JSON.stringify(JSON.parse(canonical)),
    same: isDeepStrictEqual(parse(text), parse(canonical)),
  }));
}
