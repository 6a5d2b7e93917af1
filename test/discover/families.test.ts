import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { closeElf, fileOffsetOf, openElf } from '../../src/discover/elf/elf.ts';
import { identifyExecutable } from '../../src/discover/families.ts';
import { buildElf, type SectionPart, symbolSections } from './elf/elf-builder.ts';
import { TemporaryFolder } from './temporary.ts';

const TEXT_ADDRESS = 0x4000;

function identify(
  context: TestContext,
  name: string,
  symbols: Readonly<Record<string, number>>,
  code = '4157'.padEnd(128, '0'),
  tables: readonly SectionPart[] = symbolSections('.dynsym', '.dynstr', symbols),
) {
  const text = { name: '.text', bytes: Buffer.from(code, 'hex'), address: TEXT_ADDRESS };
  const bytes = buildElf({
    sections: [text, ...tables],
    segments: [{ type: 1, flags: 5, section: '.text' }],
  });
  const elf = openElf(new TemporaryFolder(context).file('program', bytes));
  assert.ok(elf !== undefined);
  context.after(() => closeElf(elf));
  return { facts: identifyExecutable(elf, name), start: fileOffsetOf(elf, TEXT_ADDRESS) ?? 0 };
}

const NGINX = { ngx_event_connect_peer: 1, ngx_cycle: 2, ngx_os_argv: 0x30, ngx_argc: 0x38 };
const HAPROXY = {
  stream_new: TEXT_ADDRESS,
  back_try_conn_req: TEXT_ADDRESS + 32,
  stream_set_http_mode: TEXT_ADDRESS + 48,
};

test('nginx is known by its symbols, whatever its name', (context) => {
  const { facts } = identify(context, 'frontend', NGINX);
  assert.equal(facts.family, 'nginx');
  assert.deepEqual(facts.sites, []);
  assert.deepEqual(facts.nginxArguments, { vector: 0x30, count: 0x38, isRelative: true });
});

test('a program that only looks like nginx is not', (context) => {
  assert.equal(identify(context, 'module', { ngx_cycle: 2 }).facts.family, 'other');
});

test('nginx and its kin without symbols are known by name', (context) => {
  for (const name of ['nginx', 'openresty', 'angie']) {
    assert.equal(identify(context, name, {}).facts.family, 'nginx');
  }
});

test('HAProxy gets both sites, the first at its return', (context) => {
  const { facts, start } = identify(context, 'lb', HAPROXY);
  assert.equal(facts.family, 'haproxy');
  assert.deepEqual(facts.sites, [
    { program: 'haproxy_stream_new', offset: start, isReturn: true, isCheap: true },
    { program: 'haproxy_back_try_conn_req', offset: start + 32, isReturn: false, isCheap: false },
  ]);
});

test('HAProxy before 2.4 makes streams ahead of their requests: probes would lie', (context) => {
  const { stream_new, back_try_conn_req } = HAPROXY;
  const { facts } = identify(context, 'lb', { stream_new, back_try_conn_req });
  assert.equal(facts.family, 'haproxy');
  assert.deepEqual(facts.sites, []);
  assert.match(facts.reasons.join(), /until its structures are known: HAProxy before 2\.4/);
});

test('where its structures begin is told relative to its code', (context) => {
  const variables = { fdtab: TEXT_ADDRESS + 0x2000, checks_fe: TEXT_ADDRESS + 0x3000 };
  const { facts } = identify(context, 'lb', { ...HAPROXY, ...variables });
  const expected = { tableFromCode: 0x2000, checksFromCode: 0x3000 };
  assert.deepEqual(facts.haproxyVariables, expected);
  assert.equal(identify(context, 'lb', HAPROXY).facts.haproxyVariables, undefined);
});

test('HAProxy that exports nothing is probed through .symtab', (context) => {
  const tables = symbolSections('.symtab', '.strtab', HAPROXY);
  assert.equal(identify(context, 'haproxy', {}, undefined, tables).facts.sites.length, 2);
});

test('HAProxy without a symbol has no site at all, and says which is missing', (context) => {
  const { stream_new: _, ...others } = HAPROXY;
  const { facts } = identify(context, 'haproxy', others);
  assert.equal(facts.family, 'haproxy');
  assert.deepEqual(facts.sites, []);
  assert.match(facts.reasons[0] ?? '', /no symbol stream_new$/);
});

test('HAProxy whose symbols lead out of the file has no site', (context) => {
  const { facts } = identify(context, 'haproxy', { ...HAPROXY, stream_new: 0x999999 });
  assert.deepEqual(facts.sites, []);
  assert.match(facts.reasons[0] ?? '', /outside the file/);
});

test('Apache is known by symbols or name', (context) => {
  const symbols = { ap_process_request: 1, ap_hook_handler: 2 };
  assert.equal(identify(context, 'web', symbols).facts.family, 'apache');
  assert.equal(identify(context, 'apache2', {}).facts.family, 'apache');
});

test('anything else is other, without reasons', (context) => {
  const { facts } = identify(context, 'sleep', { main: 1 });
  assert.equal(facts.family, 'other');
  assert.deepEqual(facts.reasons, []);
});
