import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddressTable } from '../../../src/export/metrics/address-table.ts';

const find = (table: AddressTable, name: string, port = 80) => {
  const bytes = Buffer.from(`..${name}..`);
  return table.find(bytes, 2, bytes.length - 2, port);
};
const add = (table: AddressTable, name: string, port = 80) => {
  const bytes = Buffer.from(`..${name}..`);
  return table.add(bytes, 2, bytes.length - 2, port);
};

test('a server is found by its name and port, and not by another one', () => {
  const table = new AddressTable();
  const known = add(table, 'a.example');
  assert.equal(find(table, 'a.example'), known);
  assert.equal(find(table, 'a.example', 81), undefined);
  assert.equal(find(table, 'a.exampl'), undefined);
  assert.equal(find(table, 'b.example'), undefined);
});

test('servers of one hash are told apart, up to sixteen of them', () => {
  const table = new AddressTable(() => 1);
  const known = Array.from({ length: 16 }, (_, i) => add(table, `host-${i}`));
  assert.deepEqual(
    known.map((_, i) => find(table, `host-${i}`)),
    known,
  );
  assert.ok(!known.includes(undefined));
  assert.equal(add(table, 'host-16'), undefined);
});

test('a name longer than 255 bytes is not kept', () => {
  const table = new AddressTable();
  assert.ok(add(table, 'x'.repeat(255)));
  assert.equal(add(table, 'x'.repeat(256)), undefined);
});
