import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { test } from 'node:test';
import {
  parseTcp,
  parseUnix,
  readSocketDescriptors,
  readSocketTable,
  readUdpPorts,
  socketsOf,
} from '../../../src/discover/proc/sockets.ts';
import { tcpLine, tcpTable } from '../fake-proc.ts';
import { TemporaryFolder } from '../temporary.ts';

test('lines of net/tcp become addresses, ports and states', () => {
  const [listening, established, waiting] = parseTcp(
    tcpTable(
      tcpLine('0100007F:1F90', '00000000:0000', '0A', 11),
      tcpLine('0101A8C0:01BB', '0201A8C0:C350', '01', 12),
      tcpLine('0101A8C0:01BB', '0201A8C0:C351', '08', 13),
      // TIME_WAIT: belongs to no process.
      tcpLine('0101A8C0:01BB', '0201A8C0:C352', '06', 0),
    ),
    'ipv4',
  );
  assert.deepEqual(listening, {
    inode: 11,
    family: 'ipv4',
    state: 'listening',
    localAddress: '127.0.0.1',
    localPort: 8080,
    remoteAddress: '0.0.0.0',
    remotePort: 0,
  });
  assert.equal(established?.state, 'established');
  assert.equal(established?.localAddress, '192.168.1.1');
  assert.equal(established?.remoteAddress, '192.168.1.2');
  assert.equal(established?.remotePort, 50_000);
  assert.equal(waiting?.state, 'other');
});

test('IPv6 addresses are written as RFC 5952 says', () => {
  const address = (hex: string) =>
    parseTcp(tcpTable(tcpLine(`${hex}:0050`, `${hex}:0050`, '01', 1)), 'ipv6')[0]?.localAddress;
  assert.equal(address('00000000000000000000000000000000'), '::');
  assert.equal(address('00000000000000000000000001000000'), '::1');
  assert.equal(address('B80D0120000000000000000001000000'), '2001:db8::1');
  assert.equal(address('B80D0120000000000000010001000000'), '2001:db8::1:0:0:1');
  assert.equal(address('0000000000000000FFFF00000100007F'), '127.0.0.1');
});

test('broken tables give no entries and no errors', () => {
  assert.deepEqual(parseTcp('', 'ipv4'), []);
  assert.deepEqual(parseTcp('head\n 0: zz\n\n garbage', 'ipv4'), []);
  assert.deepEqual(parseUnix('head\nffff: 1\n'), []);
});

test('Unix stream sockets are listed with path, abstract name or none', () => {
  const table = [
    'Num       RefCount Protocol Flags    Type St Inode Path',
    'ffff: 00000002 00000000 00010000 0001 01 21 /run/app.sock',
    'ffff: 00000003 00000000 00000000 0001 03 22',
    'ffff: 00000002 00000000 00010000 0001 01 23 @abstract',
    'ffff: 00000002 00000000 00000000 0002 01 24 /run/datagram',
  ].join('\n');
  assert.deepEqual(
    parseUnix(table).map(({ inode, state, localAddress }) => ({ inode, state, localAddress })),
    [
      { inode: 21, state: 'listening', localAddress: '/run/app.sock' },
      { inode: 22, state: 'established', localAddress: '' },
      { inode: 23, state: 'listening', localAddress: '@abstract' },
    ],
  );
});

test('the sockets of this process are found by inode', async (context) => {
  const path = `${new TemporaryFolder(context).path}/server.sock`;
  const tcp = createServer().listen(0, '127.0.0.1');
  const unix = createServer().listen(path);
  const udp = createSocket('udp4').bind(0, '127.0.0.1');
  await Promise.all([once(tcp, 'listening'), once(unix, 'listening'), once(udp, 'listening')]);
  const { port } = tcp.address() as AddressInfo;
  const client = connect(port, '127.0.0.1');
  const [[peer]] = await Promise.all([once(tcp, 'connection'), once(client, 'connect')]);
  const own = socketsOf(process.pid, readSocketTable(process.pid));
  const udpPorts = readUdpPorts(process.pid);
  const count = readSocketDescriptors(process.pid).size;
  const { port: udpPort } = udp.address();
  client.destroy();
  peer.destroy();
  tcp.close();
  unix.close();
  udp.close();
  assert.ok(own.some(({ state, localPort }) => state === 'listening' && localPort === port));
  assert.ok(own.some(({ state, remotePort }) => state === 'established' && remotePort === port));
  assert.ok(own.some(({ state, localAddress }) => state === 'listening' && localAddress === path));
  assert.deepEqual(udpPorts, [udpPort]);
  assert.ok(count >= 5);
});
