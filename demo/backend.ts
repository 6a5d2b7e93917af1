/**
 * A small HTTP backend for the demo: `node backend.ts PORT`. What it answers is in the path, so
 * that every case of the demo is visible in the request itself.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

const port = Number(process.argv[2]);
const isFlaky = process.argv[3] === 'flaky';

function answer(request: IncomingMessage, response: ServerResponse): void {
  const path = request.url ?? '/';
  if (path.startsWith('/auth')) return send(response, 204, '');
  if (path.startsWith('/broken')) return send(response, 500, 'out of order\n');
  if (path.startsWith('/orders') && request.method === 'GET' && isFlaky) {
    return send(response, 502, 'try another one\n');
  }
  if (request.method === 'POST') return send(response, 201, '{"order":43}\n');
  send(response, 200, `{"path":${JSON.stringify(path)}}\n`);
}

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  // A little work, so that the proxies' own share of the time can be told from the backend's.
  setTimeout(() => response.end(body), 2);
}

const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => answer(request, response));
});
server.listen(port, '127.0.0.1', () => process.stdout.write('listening\n'));
process.on('SIGTERM', () => process.exit(0));
