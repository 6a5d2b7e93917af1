/** Which event store is told of what an object store took. */
import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ArtifactNotes } from '../src/artifact-notes.ts';
import { EventStores } from '../src/event-stores.ts';
import { NOTHING_STORED } from '../src/store/stage.ts';
import { StandardOutput } from '../src/store/standard-output.ts';
import { Counters } from '../src/telemetry/counters.ts';
import { loadRight } from './config/file/load.ts';
import { Lines } from './store/options.ts';
import { inputOf, requestOf, responseOf } from './store/record-inputs.ts';
import { temporaryFolder } from './store/temporary.ts';

test('notes go to the store that is named, else to the first, or nowhere', async (t) => {
  const folder = temporaryFolder(t);
  const { services } = loadRight(`version: 2
services:
  event_stores:
    - {id: first, type: file, path: ${folder}/first}
    - {id: audit, type: file, path: ${folder}/audit}
  object_stores:
    - {type: file, directory: /objects/a}
    - {id: named, type: file, directory: /objects/b, event_store: {id: audit}}
    - {id: silent, type: file, directory: /objects/c, event_store: {disabled: true}}
`);
  const counters = new Counters();
  const log = new Lines();
  const fd = openSync(join(folder, 'stdout'), 'w');
  const output = new StandardOutput({ bytesMax: 1_000, log, fd });
  const context = { counters, log, env: {}, output, spanProtocol: 'grpc' } as const;
  const stores = await EventStores.open(services.eventStores, context);
  const notes = new ArtifactNotes(services.objectStores, stores);
  const input = inputOf(requestOf('GET', 'http://x.test/'), responseOf(200));
  const stored = (uri: string) => ({ ...NOTHING_STORED, record: { uri, url: undefined } });
  notes.tell(undefined, input, stored('file:///a'));
  notes.tell('named', input, stored('file:///b'));
  notes.tell('silent', input, stored('file:///c'));
  await stores.close(10_000);
  closeSync(fd);
  const urisIn = (name: string) =>
    readFileSync(join(folder, name), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line).item.uri);
  assert.deepEqual(urisIn('first'), ['file:///a']);
  assert.deepEqual(urisIn('audit'), ['file:///b']);
});
