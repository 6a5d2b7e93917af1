/** JSON redaction against JSON.parse, over random documents and their mutations. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redactJson } from '../../../src/rules/redaction/json.ts';
import { parseJsonPath } from '../../../src/rules/redaction/json-path.ts';
import { Replacer } from '../../../src/rules/redaction/replacer.ts';

const SEED = 20_261_121;
let state = SEED;
function random(below: number): number {
  state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
  return Math.floor((state / 2_147_483_648) * below);
}

// No key is a lone backslash: V8 13.6 then reads a later `"\\""` key as that key in JSON.parse.
const KEYS = ['a', 'b', 'secret', 'é', 'x y', '"', 'a\\b', '__proto__', ''];

function randomValue(depth: number): unknown {
  const kind = random(depth > 4 ? 5 : 8);
  if (kind === 0) return null;
  if (kind === 1) return random(2) === 0;
  if (kind === 2) return (random(2_000) - 1_000) / (random(9) + 1);
  if (kind < 5) return `${KEYS[random(KEYS.length)]}\n\u0000😀${random(99)}`;
  if (kind === 5) return Array.from({ length: random(4) }, () => randomValue(depth + 1));
  const pairs = Array.from({ length: random(5) }, () => [
    KEYS[random(KEYS.length)],
    randomValue(depth + 1),
  ]);
  return Object.fromEntries(pairs);
}

function masked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(masked);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === 'secret' ? 'REDACTED' : masked(inner),
    ]),
  );
}

const replacer = new Replacer(Buffer.from('key'), []);
const path = parseJsonPath('$..secret');
assert.ok(path.ok);
const rules = [{ path: path.value, action: 'mask' as const }];

test(`random documents lose what is named and nothing else (seed ${SEED})`, () => {
  for (let round = 0; round < 2_000; round++) {
    const value = randomValue(0);
    const text = JSON.stringify(value, null, random(3));
    assert.equal(redactJson(text, [], replacer), text);
    const redacted = redactJson(text, rules, replacer);
    assert.ok(redacted !== null);
    assert.deepEqual(JSON.parse(redacted), masked(value), text);
  }
});

test(`mutated documents are accepted where JSON.parse accepts them (seed ${SEED})`, () => {
  for (let round = 0; round < 4_000; round++) {
    const text = JSON.stringify(randomValue(0));
    const at = random(text.length);
    const char = '{}[],:"\\0-+.eE tfn\u0001é'[random(20)] ?? '';
    const mutated = text.slice(0, at) + char + text.slice(at + random(2));
    const redacted = redactJson(mutated, [], replacer);
    if (isJson(mutated)) assert.equal(redacted, mutated);
    // Several documents in a row are read one by one; anything else is refused.
    else if (redacted !== null) assert.ok(isSeveral(mutated), JSON.stringify(mutated));
  }
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Some place cuts the text into JSON and more JSON. */
function isSeveral(text: string): boolean {
  for (let at = 1; at < text.length; at++) {
    const rest = text.slice(at);
    if (isJson(text.slice(0, at)) && (isJson(rest) || isSeveral(rest))) return true;
  }
  return false;
}
