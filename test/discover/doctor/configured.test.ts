/** Which parts of a file `doctor` names as the reason that something is not captured. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configuredSection } from '../../../src/discover/doctor/configured.ts';
import type { SocketEntry } from '../../../src/discover/proc/sockets.ts';
import { loadRight } from '../../config/file/load.ts';

function linesOf(text: string, sockets: readonly Partial<SocketEntry>[] = [], isTarget = true) {
  const facts = { config: loadRight(text), isTarget, sockets: sockets as SocketEntry[] };
  return configuredSection(facts).lines.map((line) => `${line.mark}: ${line.text}`);
}

const stack = (config: string) =>
  `tap: {http: {stack: s}}\nstacks: {s: {plugins: [{type: http_capture, config: ${config}}]}}`;

test('a file that leaves nothing out says nothing', () => {
  assert.deepEqual(linesOf('version: 2'), []);
  assert.deepEqual(linesOf(stack('{level: summary}')), []);
  assert.deepEqual(linesOf(stack('{rules: [{expr: tls.enabled, level: full}]}')), []);
});

test('directions and loopback are limits', () => {
  assert.deepEqual(linesOf('tap: {direction: egress}'), [
    'limit: what it serves is left out by tap.direction: egress',
  ]);
  const local = [{ state: 'listening', family: 'ipv4', localAddress: '127.0.0.1' }] as const;
  const text = 'tap: {direction: ingress, ignore_loopback: true}';
  assert.deepEqual(linesOf(text, local), [
    'limit: what it asks for is left out by tap.direction: ingress',
    'limit: what comes and goes over loopback is left out by tap.ignore_loopback; it listens on loopback only',
  ]);
  const open = [...local, { state: 'listening', family: 'ipv4', localAddress: '0.0.0.0' }] as const;
  assert.doesNotMatch(linesOf(text, open)[1], /loopback only/);
});

test('a process that is not chosen, and a stack that keeps nothing, are reasons', () => {
  assert.deepEqual(linesOf('version: 2', [], false), [
    'bad: is not among capture.processes and capture.ports',
  ]);
  assert.match(
    linesOf('tap: {http: {stack: none}}')[0],
    /^bad: no exchange is kept: tap\.http\.stack is none/,
  );
  assert.match(
    linesOf(stack('{rules: [{expr: tls.enabled, level: none}]}'))[0],
    /^bad: .* the stack s has level none/,
  );
});

test('other stacks for some hosts make it a limit', () => {
  const text = 'tap: {http: {stack: none}, endpoints: [{domain: a.example}]}';
  assert.match(linesOf(text)[0], /^limit: .*tap\.endpoints choose others/);
});
