import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { listenersOn, listeningPorts } from '../../../src/discover/proc/listeners.ts';
import { listProcesses } from '../../../src/discover/processes.ts';
import { fakeProc, listener, tcpLine, tcpTable } from '../fake-proc.ts';

test('a listener of this process is found, over IPv4 and IPv6', async () => {
  const servers = ['127.0.0.1', '::1'].map((address) => createServer().listen(0, address));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  const own = listProcesses().filter(({ pid }) => pid === process.pid);
  const found = listeningPorts(own).get(process.pid) ?? [];
  const inodes = listenersOn(ports, own);
  for (const server of servers) server.close();
  assert.ok(ports.every((port) => found.includes(port)));
  assert.equal(inodes.size, 2);
});

test('only the listeners at the head of the table are read', (context) => {
  const connections = Array.from({ length: 2_000 }, (_, index) =>
    tcpLine('0100007F:1F90', '0100007F:C350', '01', 1_000 + index),
  );
  // Behind the connections, where the kernel puts no listener: what is there was not read.
  const table = tcpTable(listener(8080, 100), ...connections, listener(9999, 900));
  const fds = { 3: 'socket:[100]', 4: 'socket:[900]', 5: 'socket:[1000]' };
  const root = fakeProc(context, [{ pid: 5, exe: '/x', net: { tcp: table }, fds }]);
  const all = listProcesses(root);
  assert.deepEqual([...listeningPorts(all, root)], [[5, [8080]]]);
});

test('many listeners are read to the last', (context) => {
  const count = 500;
  const lines = Array.from({ length: count }, (_, index) => listener(10_000 + index, 1 + index));
  const fds = { 3: `socket:[${count}]` };
  const root = fakeProc(context, [{ pid: 5, exe: '/x', net: { tcp: tcpTable(...lines) }, fds }]);
  const ports = listeningPorts(listProcesses(root), root).get(5);
  assert.deepEqual(ports, [10_000 + count - 1]);
});

test('another process tells for a namespace whose first one is gone', (context) => {
  const net = { tcp: tcpTable(listener(8080, 100)) };
  const root = fakeProc(context, [
    { pid: 4, exe: '/x' },
    { pid: 5, exe: '/x', net, fds: { 3: 'socket:[100]' } },
  ]);
  assert.deepEqual([...listenersOn([8080], listProcesses(root), root)], [100]);
});
