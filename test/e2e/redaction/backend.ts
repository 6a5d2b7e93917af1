/** A backend that answers with secrets: in the head of every answer, in bodies by the path. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { CARDS, canary } from './canaries.ts';

/** Above what is kept of a body. */
const LONG_BYTES = 100_000;

const HEAD = {
  'Set-Cookie': `id=${canary('set-cookie')}`,
  'X-Custom': canary('answer-header'),
  Location:
    `http://joe:${canary('location-user')}@other/?token=${canary('location-query')}` +
    `#sig=${canary('location-fragment')}`,
  'Content-Disposition': `attachment; filename="${CARDS.disposition}.pdf"`,
};

export async function startBackend(port: number, status: number): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => answer(request.url ?? '/', status, response));
  });
  server.on('upgrade', (_, socket) => {
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n',
    );
    socket.pipe(socket).on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return server;
}

function answer(url: string, status: number, response: ServerResponse): void {
  const json = (place: string, padding = '') =>
    JSON.stringify({ kept: 'kept-in-answer', padding, user: { pin: canary(place) } });
  const head = { ...HEAD, 'Content-Type': 'application/json' };
  if (status >= 500) {
    response.writeHead(status, `Failed ${CARDS.reason}`, head);
    response.end(json('answer-error'));
  } else if (url.includes('/text')) {
    response.writeHead(200, { ...HEAD, 'Content-Type': 'text/plain' });
    response.end(`pay with ${CARDS.answer}, kept-in-answer`);
  } else if (url.includes('/stream')) {
    response.writeHead(200, { ...HEAD, 'Content-Type': 'text/event-stream' });
    response.end(`event: kept-in-answer\ndata: ${json('answer-stream')}\n\n`);
  } else if (url.includes('/html')) {
    response.writeHead(200, { ...HEAD, 'Content-Type': 'text/html' });
    response.end(json('answer-html'));
  } else if (url.includes('/relative')) {
    const location = `//joe:${canary('location-relative')}@other/?token="${canary('location-query')}"`;
    response.writeHead(302, { ...HEAD, Location: location });
    response.end();
  } else if (url.includes('/gzip')) {
    response.writeHead(200, { ...head, 'Content-Encoding': 'gzip' });
    response.end(gzipSync(json('answer-gzip')));
  } else if (url.includes('/long')) {
    response.writeHead(200, head);
    const padding = CARDS.long.concat(' ').repeat(LONG_BYTES / CARDS.long.length);
    response.end(json('answer-long', padding));
  } else {
    response.writeHead(200, head);
    response.end(json('answer-json'));
  }
}
