import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../../../src/config/limits.ts';
import {
  parseResourceAttributes,
  readEnvironment,
  readNginxEnvironment,
} from '../../../src/discover/proc/environment.ts';
import { readProcess } from '../../../src/discover/processes.ts';
import { Counters } from '../../../src/telemetry/counters.ts';
import { fakeProc } from '../fake-proc.ts';

const WANTED = new Set(['OTEL_SERVICE_NAME', 'OTEL_RESOURCE_ATTRIBUTES']);

test('only the variables that were asked for are kept', (context) => {
  const environment = [
    'SECRET=x',
    'OTEL_EXPORTER_OTLP_HEADERS=authorization=x',
    'OTEL_SERVICE_NAME=shop',
    'OTEL_RESOURCE_ATTRIBUTES=',
    'OTEL_SERVICE_NAME=second',
    'broken',
    '=x',
  ];
  const root = fakeProc(context, [{ pid: 5, environment }]);
  assert.deepEqual(Object.fromEntries(readEnvironment(5, WANTED, undefined, root)), {
    OTEL_SERVICE_NAME: 'shop',
    OTEL_RESOURCE_ATTRIBUTES: '',
  });
  assert.equal(readEnvironment(6, WANTED, undefined, root).size, 0);
});

test('attributes are percent-decoded', () => {
  const parsed = parseResourceAttributes('service.name=my%20shop, team=caf%C3%A9 ,a=b%3Dc%2Cd,');
  assert.deepEqual(Object.fromEntries(parsed ?? []), {
    'service.name': 'my shop',
    team: 'café',
    a: 'b=c,d',
  });
});

test('one malformed part spoils the whole variable', () => {
  assert.equal(parseResourceAttributes('a=b,c=%zz'), undefined);
  assert.equal(parseResourceAttributes('a=b,=c'), undefined);
  assert.equal(parseResourceAttributes('a=b,c'), undefined);
  assert.equal(parseResourceAttributes('')?.size, 0);
});

/** A worker whose argument vector was moved behind: argv[0], argv[1], NULL, envp..., NULL. */
function nginxMemory(base: number, texts: readonly string[]): Buffer {
  const memory = Buffer.alloc(0x10_0000);
  const word = (at: number, value: number) => memory.writeBigUInt64LE(BigInt(value), at);
  const [symbols, vector, strings] = [0x1000, 0x2_0000, 0x8_0000];
  word(base + symbols, vector);
  memory.writeInt32LE(2, base + symbols + 8);
  word(vector, strings);
  texts.forEach((text, index) => {
    const at = strings + index * 0x40;
    memory.write(`${text}\0`, at);
    word(vector + (3 + index) * 8, at);
  });
  return memory;
}

test('nginx: the environment is read behind its argument vector', (context) => {
  const base = 0x4000;
  const root = fakeProc(context, [
    {
      pid: 5,
      exe: '/usr/sbin/nginx',
      environment: ['nginx: worker process'],
      maps: '00004000-00005000 r--p 00000000 08:01 77                    /usr/sbin/nginx\n',
      mem: nginxMemory(base, [
        'HOME=/root',
        'OTEL_SERVICE_NAME=edge',
        'OTEL_RESOURCE_ATTRIBUTES=a=b',
      ]),
    },
  ]);
  const info = readProcess(5, root);
  assert.ok(info !== undefined);
  const symbols = { vector: 0x1000, count: 0x1008, isRelative: true };
  assert.deepEqual(
    Object.fromEntries(readNginxEnvironment(info, symbols, WANTED, undefined, root)),
    {
      OTEL_SERVICE_NAME: 'edge',
      OTEL_RESOURCE_ATTRIBUTES: 'a=b',
    },
  );
  const fixed = { vector: 0x5000, count: 0x5008, isRelative: false };
  assert.equal(
    readNginxEnvironment(info, fixed, WANTED, undefined, root).get('OTEL_SERVICE_NAME'),
    'edge',
  );
  const nowhere = { vector: 0x100_0000, count: 0x100_0008, isRelative: false };
  assert.equal(readNginxEnvironment(info, nowhere, WANTED, undefined, root).size, 0);
});

test('nginx: variables beyond the limits are dropped and counted', (context) => {
  const endless = `OTEL_SERVICE_NAME=${'x'.repeat(limits.environmentVariableBytesMax)}`;
  const many = Array.from({ length: limits.environmentVariablesMax + 1 }, () => 'A=b');
  for (const texts of [[endless], many]) {
    const mem = nginxMemory(0x4000, texts);
    const maps = '00004000-00005000 r--p 00000000 08:01 77            /usr/sbin/nginx\n';
    const root = fakeProc(context, [{ pid: 5, exe: '/usr/sbin/nginx', maps, mem }]);
    const info = readProcess(5, root);
    assert.ok(info !== undefined);
    const counters = new Counters();
    const symbols = { vector: 0x1000, count: 0x1008, isRelative: true };
    assert.equal(readNginxEnvironment(info, symbols, WANTED, counters, root).size, 0);
    assert.equal(counters.get('dropped.resource_attributes'), 1);
  }
});
