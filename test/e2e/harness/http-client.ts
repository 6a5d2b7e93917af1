/** Requests of a test: one call, one exchange, the whole answer. */
import { once } from 'node:events';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Question {
  readonly method?: string;
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Keeps connections open between calls; without it each call has a connection of its own. */
  readonly connections?: Agent;
}

/** One connection that is used again and again. */
export function oneConnection(): Agent {
  return new Agent({ keepAlive: true, maxSockets: 1 });
}

export async function ask(port: number, path: string, question: Question = {}): Promise<Answer> {
  const { method = 'GET', host = '127.0.0.1', headers = {}, body, connections } = question;
  const agent = connections ?? new Agent();
  const outgoing = request({ host, port, path, method, headers: { ...headers }, agent });
  if (headers.expect === '100-continue') outgoing.once('continue', () => outgoing.end(body));
  else outgoing.end(body);
  const [incoming] = await once(outgoing, 'response');
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return {
    status: incoming.statusCode,
    headers: incoming.headers,
    body: Buffer.concat(chunks).toString(),
  };
}

/** Asks all at once, `count` times; `pathOf` gives the path of the n-th. */
export async function askMany(
  port: number,
  count: number,
  pathOf: (n: number) => string,
): Promise<Answer[]> {
  return Promise.all(Array.from({ length: count }, (_, n) => ask(port, pathOf(n))));
}

/** Writes the pieces one after another on one connection and reads until `end` or the close. */
export async function converse(
  port: number,
  pieces: readonly (string | Buffer)[],
  end: RegExp,
): Promise<string> {
  const socket = connect(port, '127.0.0.1').setNoDelay(true);
  await once(socket, 'connect');
  let text = '';
  const answered = new Promise<void>((resolve, reject) => {
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
      if (end.test(text)) resolve();
    });
    socket.once('end', resolve).once('error', reject);
  });
  for (const piece of pieces) {
    await new Promise<void>((resolve) => socket.write(piece, () => resolve()));
  }
  await answered;
  socket.destroy();
  return text;
}

/** Switches protocols, sends `text` through the tunnel, returns what comes back. */
export async function tunnel(port: number, path: string, text: string): Promise<string> {
  const headers = { connection: 'Upgrade', upgrade: 'echo' };
  const outgoing = request({ host: '127.0.0.1', port, path, headers, agent: false });
  outgoing.end();
  const [, socket] = await once(outgoing, 'upgrade');
  socket.write(text);
  const [echo] = await once(socket, 'data');
  socket.end();
  await once(socket, 'close');
  return String(echo);
}
