import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { PackFolder } from '../../src/store/pack-folder.ts';
import { Packer } from '../../src/store/packer.ts';
import type { StoredObject } from '../../src/store/types.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { objectOf, until } from './fake-store.ts';
import { temporaryFolder } from './temporary.ts';

const OPTIONS = { enabled: true, maxObjectBytes: 1_000, segmentBytes: 10_000, maxDelayMs: 60_000 };

async function setUp(t: TestContext, options: Partial<typeof OPTIONS> = {}) {
  const folder = temporaryFolder(t);
  const errors: Error[] = [];
  const packs: StoredObject[] = [];
  const counters = new Counters();
  const packer = new Packer({
    options: { ...OPTIONS, ...options },
    prefix: 'tap',
    folder: await PackFolder.open(folder, (error) => errors.push(error)),
    offer: (pack) => packs.push(pack) > 0,
    counters,
  });
  t.after(() => packer.close());
  return { folder, packer, packs, counters, errors };
}

/** What a reference says is in the pack. */
function read(packs: readonly StoredObject[], place: string | undefined): string {
  const [, key, first, last] = /^(.*)#bytes=(\d+)-(\d+)$/.exec(place ?? '') ?? [];
  const pack = packs.find((each) => each.key === key);
  return Buffer.from(pack?.bytes ?? []).toString('utf8', Number(first), Number(last) + 1);
}

function untar(folder: string, pack: StoredObject): string[] {
  writeFileSync(join(folder, 'pack.tar'), pack.bytes);
  execFileSync('tar', ['xf', 'pack.tar'], { cwd: folder });
  return execFileSync('tar', ['tf', 'pack.tar'], { cwd: folder }).toString().trim().split('\n');
}

const NAME = 'sha256/2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';

describe('a pack', () => {
  test('gives each object a place at once that holds it in the end', async (t) => {
    const { packer, packs } = await setUp(t);
    const contents = ['first', 'x'.repeat(512), 'grün'];
    const places = contents.map((content, i) =>
      packer.add(objectOf(`tap/2026/11/21/${i}.json`, content)),
    );
    assert.match(
      places[0] ?? '',
      /^tap\/\d{4}\/\d\d\/\d\d\/packs\/\d+-[0-9a-f]{12}\.tar#bytes=512-516$/,
    );
    await packer.finish();
    assert.deepEqual(
      places.map((place) => read(packs, place)),
      contents,
    );
  });

  test('is a tar file that tar reads', async (t) => {
    const { packer, packs } = await setUp(t);
    packer.add(objectOf(`tap/2026/11/21/${NAME}`, 'hello'));
    packer.add(objectOf('tap/2026/11/21/0af7-b7ad.json', '{}'));
    await packer.finish();
    const [pack] = packs;
    assert.ok(pack !== undefined);
    assert.equal(pack.contentType, 'application/x-tar');
    const folder = temporaryFolder(t);
    assert.deepEqual(untar(folder, pack), [NAME, '0af7-b7ad.json']);
    assert.equal(readFileSync(join(folder, NAME), 'utf8'), 'hello');
  });

  test('takes no large object', async (t) => {
    const { packer } = await setUp(t);
    assert.equal(packer.add(objectOf('large', 'x'.repeat(1_001))), undefined);
  });

  test('is finished when it has its size, or after its time', async (t) => {
    const { packer, packs, counters } = await setUp(t, { segmentBytes: 3_000, maxDelayMs: 100 });
    for (let i = 0; i < 3; i++) packer.add(objectOf(`${i}`, 'x'.repeat(500)));
    assert.equal(packs.length, 1);
    packer.add(objectOf('young'));
    assert.equal(packs.length, 1);
    await until('the second pack is finished', () => packs.length === 2);
    assert.equal(counters.get('store.packs'), 2);
  });

  test('is not on disk any more when it was handed over', async (t) => {
    const { packer, folder } = await setUp(t);
    packer.add(objectOf('x'));
    await packer.finish();
    assert.deepEqual(readdirSync(folder), []);
  });
});

describe('an unfinished pack of a process that died', () => {
  async function dead(t: TestContext) {
    const { packer, folder } = await setUp(t);
    const places = ['one', 'two', 'three'].map((text) => packer.add(objectOf(text)));
    await until('all is written', () => {
      const [name] = readdirSync(folder);
      return name !== undefined && readFileSync(join(folder, name)).length === 3 * 1_024;
    });
    const copy = temporaryFolder(t);
    const [name = ''] = readdirSync(folder);
    writeFileSync(join(copy, name), readFileSync(join(folder, name)));
    return { places, folder: copy, path: join(copy, name) };
  }

  const recover = async (folder: string) => {
    const packs: StoredObject[] = [];
    const found = await PackFolder.open(folder, () => undefined);
    const count = await found.recover((pack) => packs.push(pack) > 0);
    return { packs, count };
  };

  test('is handed over by the next one, its references hold', async (t) => {
    const { folder, places } = await dead(t);
    const { packs, count } = await recover(folder);
    assert.equal(count, 1);
    assert.deepEqual(
      places.map((place) => read(packs, place)),
      ['one', 'two', 'three'],
    );
    assert.deepEqual(readdirSync(folder), []);
  });

  test('loses the member that was cut, and no other', async (t) => {
    const { folder, places, path } = await dead(t);
    truncateSync(path, 3 * 1_024 - 1);
    const { packs } = await recover(folder);
    assert.deepEqual(
      places.slice(0, 2).map((place) => read(packs, place)),
      ['one', 'two'],
    );
    const [pack] = packs;
    assert.ok(pack !== undefined);
    assert.deepEqual(untar(temporaryFolder(t), pack), ['one', 'two']);
  });

  test('stays while the writer has no room for it', async (t) => {
    const { folder } = await dead(t);
    const found = await PackFolder.open(folder, () => undefined);
    assert.equal(await found.recover(() => false), 0);
    assert.equal(readdirSync(folder).length, 1);
  });
});
