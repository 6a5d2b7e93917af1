/** What a user meets when something is wrong: a clear word, an exit code, and nothing lost. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { MAIN, startAgent } from '../harness/agent.ts';
import { chooseCollectorPorts, startCollector } from '../harness/collector.ts';
import { ask } from '../harness/http-client.ts';
import { freePorts } from '../harness/ports.ts';
import { Program } from '../harness/program.ts';
import { Scene } from '../harness/scene.ts';
import { proxied, shapeOf, treesOf } from '../harness/span-tree.ts';

const LAUNCHER = join(MAIN, '..', '..', 'spantap');

function spantap(...args: readonly string[]): Program {
  return new Program('spantap', process.execPath, [MAIN, ...args]);
}

describe('the command line', () => {
  test('answers --version and --help through the launcher', async () => {
    const version = new Program('launcher', LAUNCHER, ['--version']);
    assert.equal(await version.ended(), 0, version.output);
    assert.match(version.stdout, /^spantap \d+\.\d+\.\d+\n$/);
    const help = new Program('launcher', LAUNCHER, ['run', '--help']);
    assert.equal(await help.ended(), 0, help.output);
    assert.match(help.stdout, /--process NAME\|PID\|PATH/);
  });

  test('refuses what it does not know and suggests what was meant', async () => {
    const flag = spantap('run', '--proces', 'nginx');
    assert.equal(await flag.ended(), 1);
    assert.match(flag.stderr, /--proces[^s]*.*did you mean --process/s);
    const command = spantap('recrod', 'x');
    assert.equal(await command.ended(), 1);
    assert.match(command.stderr, /record/);
  });

  test('names the process that it was to watch and cannot find', async () => {
    const run = spantap('run', '--process', 'no-such-program');
    assert.equal(await run.ended(), 1);
    assert.match(run.stderr, /no-such-program/);
  });

  test('names the capability that is missing', async () => {
    const dropped = ['--bounding-set', '-bpf,-perfmon,-sys_admin'];
    const run = new Program('spantap', 'setpriv', [...dropped, process.execPath, MAIN, 'run']);
    assert.equal(await run.ended(), 1);
    assert.match(run.stderr, /CAP_BPF/);
  });
});

describe('doctor', () => {
  const scene = new Scene();
  after(() => scene.close());

  test('says of this machine that the agent can run, hook by hook', async () => {
    const doctor = spantap('doctor');
    assert.equal(await doctor.ended(), 0, doctor.output);
    assert.match(doctor.stdout, /BTF/);
    assert.match(doctor.stdout, /uprobe/);
  });

  test('says of an nginx what is attached and what was seen of it', async () => {
    const ports = await freePorts('front', 'api');
    await scene.backend('api', ports.api);
    const server = `server { listen 127.0.0.1:${ports.front};
      location / { proxy_pass http://127.0.0.1:${ports.api}; } }`;
    const nginx = await scene.nginx(ports.front, server);
    const doctor = spantap('doctor', String(nginx.pid));
    assert.equal(await doctor.ended(), 0, doctor.output);
    assert.match(doctor.stdout, /nginx/);
  });

  test('says which filter of a file leaves a process out', async () => {
    const file = scene.writeFile('qtap.yaml', 'tap: {filters: {custom: [{exe: /node}]}}\n');
    const doctor = spantap('doctor', String(process.pid), '--config', file);
    assert.equal(await doctor.ended(), 1, doctor.output);
    assert.match(doctor.stdout, /left out by tap\.filters\.custom\[0\]/);
    const wrong = scene.writeFile('wrong.yaml', 'tap: {filters: {custom: [{exe: ""}]}}\n');
    const refused = spantap('doctor', String(process.pid), '--config', wrong);
    assert.equal(await refused.ended(), 1);
    assert.match(refused.stderr, /wrong\.yaml:1:\d+/);
  });
});

describe('a collector that is away', () => {
  const scene = new Scene();
  let port = 0;
  let pid = 0;
  before(async () => {
    const ports = await freePorts('front', 'api');
    port = ports.front;
    await scene.backend('api', ports.api);
    const server = `server { listen 127.0.0.1:${port};
      location / { proxy_pass http://127.0.0.1:${ports.api}; } }`;
    pid = (await scene.nginx(port, server)).pid;
  });
  after(() => scene.close());

  for (const transport of ['grpc', 'http/protobuf'] as const) {
    test(`is named, capture goes on, and it gets every span once it is there (${transport})`, async () => {
      const ports = await chooseCollectorPorts();
      const endpoint = `http://127.0.0.1:${transport === 'grpc' ? ports.grpc : ports.http}`;
      const agent = await startAgent({
        folder: scene.folder,
        flags: ['--process', String(pid)],
        env: {
          OTEL_TRACES_EXPORTER: 'otlp',
          OTEL_EXPORTER_OTLP_PROTOCOL: transport,
          OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
        },
      });
      try {
        const path = `/waiting/${transport.replace('/', '-')}`;
        for (let n = 0; n < 3; n += 1) await ask(port, path);
        await agent.program.line(/collector .* spans waiting/);
        const collector = await startCollector(scene.folder, ports);
        try {
          const spans = await collector.await('the spans that waited', (all) => {
            const found = scene.tracesOf(path, all);
            return found.length >= 6 ? found : undefined;
          });
          const whole = proxied('nginx', 'api', `GET ${path}`).slice(0, 2);
          assert.deepEqual(shapeOf(treesOf(spans)), [...whole, ...whole, ...whole]);
          const counters = await agent.stop();
          assert.equal(counters['export.spans'], 6);
        } finally {
          await collector.stop();
        }
      } finally {
        await agent.program.stop();
      }
    });
  }

  test('stays away: what it did not take is counted at the end', async () => {
    const ports = await chooseCollectorPorts();
    const agent = await startAgent({
      folder: scene.folder,
      flags: ['--process', String(pid)],
      env: {
        OTEL_TRACES_EXPORTER: 'otlp',
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${ports.http}`,
      },
    });
    for (let n = 0; n < 3; n += 1) await ask(port, '/never');
    await agent.program.line(/collector .* spans waiting/);
    const counters = await agent.stop();
    const dropped = Object.entries(counters).filter(([name]) => name.startsWith('dropped.'));
    assert.equal(counters['export.spans'], 0);
    assert.equal(
      dropped.reduce((sum, [, value]) => sum + value, 0),
      6,
    );
  });
});
