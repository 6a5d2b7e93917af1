/** A permissive HTTP server that notes requests: for what is sent, never for whether it is right. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { TestContext } from 'node:test';

export interface Noted {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface NotingServer {
  readonly port: number;
  readonly requests: Noted[];
}

export async function startNotingServer(
  t: TestContext,
  answer: (request: Noted) => Answer,
): Promise<NotingServer> {
  const requests: Noted[] = [];
  const server = createServer(async (request, response) => {
    const body = (await buffer(request)).toString();
    const { method = '', url = '', headers } = request;
    const noted = { method, url, headers, body };
    requests.push(noted);
    const { status, headers: sent = {}, body: content = '' } = answer(noted);
    response.writeHead(status, sent).end(content);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close().closeAllConnections());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not a TCP address');
  return { port: address.port, requests };
}

/** The body of an error of S3. */
export function s3Error(status: number, code: string): Answer {
  const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>told to</Message></Error>`;
  return { status, body, headers: { 'content-type': 'application/xml' } };
}
