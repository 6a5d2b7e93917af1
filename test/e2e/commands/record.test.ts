/** `spantap record` and `spantap replay`: the same trees, later and without root. */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { MAIN } from '../harness/agent.ts';
import { ask } from '../harness/http-client.ts';
import { freePorts } from '../harness/ports.ts';
import { Program } from '../harness/program.ts';
import { Scene } from '../harness/scene.ts';

describe('a recording of nginx', () => {
  const scene = new Scene();
  const file = join(scene.folder, 'traffic.spantap');
  let recorder: Program;
  let front: number;
  let nginxPid: number;
  before(async () => {
    const ports = await freePorts('front', 'api');
    await scene.backend('api', ports.api);
    const nginx = await scene.nginx(
      ports.front,
      `server { listen 127.0.0.1:${ports.front};
        location / { proxy_pass http://127.0.0.1:${ports.api}; } }`,
    );
    front = ports.front;
    nginxPid = nginx.pid;
    recorder = new Program('recorder', process.execPath, [
      ...[MAIN, 'record', file, '--process', String(nginx.pid)],
      ...['--seconds', '60', '--bytes-max', '1000000'],
    ]);
    await recorder.line(/watching/);
    await ask(ports.front, '/recorded/one');
    await ask(ports.front, '/recorded/two', { method: 'POST', body: 'two' });
    await recorder.stop();
  });
  after(() => scene.close());

  test('says that it holds traffic as it is, and is readable by its owner only', () => {
    assert.match(recorder.stderr, /secrets/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  test('is replayed into the same linked trees, without root', async () => {
    const capabilities = ['--bounding-set', '-all', '--inh-caps', '-all'];
    const replay = new Program(
      'replay',
      'setpriv',
      [...capabilities, process.execPath, MAIN, 'replay', file],
      { env: { OTEL_TRACES_EXPORTER: 'console' } },
    );
    assert.equal(await replay.ended(), 0, replay.output);
    for (const request of ['GET /recorded/one', 'POST /recorded/two']) {
      const lines = replay.stdout.split('\n').filter((line) => line.includes(request));
      assert.equal(lines.length, 2, replay.output);
      assert.match(lines[0] ?? '', /^nginx .* 200 /);
      assert.match(lines[1] ?? '', /^└─ nginx .* 200 .* exact\.state/);
    }
    assert.match(replay.stderr, /4 spans, 0 lost, 0 dropped, 0 truncated, 0 unlinked/);
  });

  test('is no longer than it may be, and the recorder ends by itself', async () => {
    const small = join(scene.folder, 'small.spantap');
    const flags = ['--process', String(nginxPid), '--bytes-max', '4000', '--seconds', '60'];
    const program = new Program('recorder', process.execPath, [MAIN, 'record', small, ...flags]);
    await program.line(/watching/);
    for (let i = 0; i < 20 && !program.hasEnded; i++) await ask(front, `/recorded/${i}`);
    assert.equal(await program.ended(), 0, program.output);
    assert.match(program.stderr, /the limit was reached/);
    assert.ok(statSync(small).size <= 4_000, String(statSync(small).size));
    const replay = new Program('replay', process.execPath, [MAIN, 'replay', small], {
      env: { OTEL_TRACES_EXPORTER: 'console' },
    });
    assert.equal(await replay.ended(), 0, replay.output);
  });

  test('a place where it cannot be is named, without a stack trace', async () => {
    for (const place of [join(scene.folder, 'missing', 'file'), scene.folder]) {
      const program = new Program('recorder', process.execPath, [MAIN, 'record', place]);
      assert.equal(await program.ended(), 1, program.output);
      assert.ok(program.stderr.includes(`cannot create the event file ${place}`), program.output);
      assert.doesNotMatch(program.stderr, /\n {4}at /);
    }
  });

  test('that was cut short is refused with the position of the damage', async () => {
    const size = statSync(file).size;
    const cut = join(scene.folder, 'cut.spantap');
    const head = new Program('head', 'sh', ['-c', `head -c ${size - 5} '${file}' > '${cut}'`]);
    assert.equal(await head.ended(), 0);
    const replay = new Program('replay', process.execPath, [MAIN, 'replay', cut], {
      env: { OTEL_TRACES_EXPORTER: 'console' },
    });
    assert.equal(await replay.ended(), 1, replay.output);
    assert.match(replay.stderr, /byte \d+/);
  });
});
