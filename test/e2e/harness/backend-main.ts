/**
 * A backend in a process of its own: backend-main.ts PORT|PATH [STATUS]. With STATUS it answers that
 * and nothing else, otherwise the request says what to answer:
 *
 *   /...?status=503        that status                 ?delay=50    after so many ms
 *   ?bytes=100000          a body of that size         ?chunked=1   without Content-Length
 *   ?close=head|body       ends the connection before the head, or within the body
 *   ?early=1               answers without reading the request's body
 *
 * Upgrade requests get a 101 and an echo. Prints `ready` when it listens.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

const target = process.argv[2] ?? '';
const fixedStatus = Number(process.argv[3] ?? 0);

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const query = new URL(request.url ?? '/', 'http://backend').searchParams;
  if (query.get('early') === null) for await (const _ of request);
  const delayMs = Number(query.get('delay') ?? 0);
  if (delayMs > 0) await delay(delayMs);
  if (query.get('close') === 'head') {
    request.socket.destroy();
    return;
  }
  const body = Buffer.alloc(Number(query.get('bytes') ?? 3), 'x');
  const isChunked = query.get('chunked') !== null;
  response.writeHead(fixedStatus || Number(query.get('status') ?? 200), {
    'content-type': 'text/plain',
    ...(isChunked ? {} : { 'content-length': body.length }),
  });
  if (query.get('close') === 'body') {
    response.write(body.subarray(0, body.length / 2), () => request.socket.destroy());
    return;
  }
  if (isChunked)
    for (let at = 0; at < body.length; at += 1_000) response.write(body.subarray(at, at + 1_000));
  response.end(isChunked ? '' : body);
}

const server = createServer((request, response) => {
  answer(request, response).catch((error) => response.destroy(error));
});
server.keepAliveTimeout = 60_000;
server.on('upgrade', (_request, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n');
  socket.pipe(socket);
  socket.on('error', () => socket.destroy());
});
const where = /^\d+$/.test(target) ? { port: Number(target), host: '127.0.0.1' } : { path: target };
server.listen(where, () => process.stdout.write('ready\n'));
process.once('SIGTERM', () => process.exit(0));
