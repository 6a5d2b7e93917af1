import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type HaproxySeen, haproxyLines } from '../../../src/discover/doctor/haproxy-lines.ts';
import type { ExecutableFacts } from '../../../src/discover/families.ts';
import { LAYOUT } from '../haproxy/haproxy-memory.ts';

const EXECUTABLE: ExecutableFacts = {
  fileKey: '1:2',
  versionKey: '1:2:3:4',
  family: 'haproxy',
  sites: [{ program: 'haproxy_stream_new', offset: 1, isReturn: true, isCheap: true }],
  goVersion: undefined,
  nginxArguments: undefined,
  haproxyVariables: { tableFromCode: 1, checksFromCode: 2 },
  reasons: [],
};
const SEEN: HaproxySeen = {
  state: 'found',
  layout: LAYOUT,
  looks: 4,
  samples: 9,
  walked: 0,
  isRefuted: false,
};

const CASES: readonly (readonly [string, ExecutableFacts, HaproxySeen, string, RegExp])[] = [
  ['linked without a probe', EXECUTABLE, { ...SEEN, walked: 7 }, 'good', /7 requests were linked/],
  ['found and compared', EXECUTABLE, SEEN, 'good', /h1c\+136.*the probes go when they have agreed/],
  ['refuted', EXECUTABLE, { ...SEEN, isRefuted: true }, 'limit', /another client.*by its probes/],
  [
    'not found',
    EXECUTABLE,
    { ...SEEN, state: 'searching', layout: undefined },
    'note',
    /4 looks that saw 9 requests in progress.*linked by its probes/,
  ],
  [
    'not found, without probes',
    { ...EXECUTABLE, sites: [] },
    { ...SEEN, state: 'searching', layout: undefined },
    'note',
    /nothing is linked/,
  ],
  [
    'without symbols',
    { ...EXECUTABLE, haproxyVariables: undefined },
    SEEN,
    'limit',
    /fdtab and checks_fe are missing: the probes stay/,
  ],
];

for (const [title, executable, seen, mark, text] of CASES) {
  test(`doctor tells about the structures of HAProxy: ${title}`, () => {
    const [line] = haproxyLines(executable, seen);
    assert.equal(line?.mark, mark);
    assert.match(line?.text ?? '', text);
  });
}

test('without a capture nothing was looked for', () => {
  assert.deepEqual(haproxyLines(EXECUTABLE, undefined), []);
});
