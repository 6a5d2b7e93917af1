/** Requests with a secret in each place, as bytes: some are not what a client library would send. */
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { converse } from '../harness/http-client.ts';
import { CARDS, CLIENT_ADDRESS, canary, FORWARDED_ADDRESS } from './canaries.ts';

type Headers = Readonly<Record<string, string>>;

interface Request {
  readonly method?: string;
  readonly target: string;
  readonly host?: string;
  readonly headers?: Headers;
  /** Lines as they are. */
  readonly lines?: readonly string[];
  readonly body?: string | Buffer;
  /** Instead of a body: sent chunk by chunk. */
  readonly chunks?: readonly string[];
  readonly trailers?: readonly string[];
}

const TEXT_TYPE = { 'Content-Type': 'text/plain' };
const JSON_TYPE = { 'Content-Type': 'application/json' };

function json(place: string): string {
  return JSON.stringify({ kept: 'kept-in-request', list: [{ pin: canary(place) }] });
}

const REQUESTS: readonly Request[] = [
  {
    target: '/headers',
    headers: {
      Authorization: `Bearer ${canary('authorization')}`,
      Cookie: `session=${canary('cookie')}; other=1`,
      'Proxy-Authorization': `Basic ${canary('proxy-authorization')}`,
      'x-API-key': canary('api-key'),
      'X-CUSTOM': canary('custom-header'),
      'X-Dropped': canary('dropped-header'),
      'X-Hashed': canary('hashed-header'),
      'X-Forwarded-For': `${CLIENT_ADDRESS}, 10.0.0.1`,
      Referer: `https://joe:${canary('referer-user')}@other/?a=1&token=${canary('referer-query')}#sig=${canary('referer-fragment')}`,
      'X-Kept': 'kept-in-header',
    },
  },
  { target: '/folded', lines: [`X-Custom: first`, ` ${canary('folded-header')}`] },
  { target: '/spaced', lines: [`Authorization : ${canary('spaced-header')}`] },
  {
    target: '/forwarded',
    headers: { Forwarded: `for=${FORWARDED_ADDRESS};host=shop.example` },
  },
  {
    target: `/query?kept=kept-in-query&sig=${canary('query-default')}&s%69g=${canary('query-escaped')}&tok%65n=${canary('query-custom')}`,
  },
  {
    target:
      `/query?kept=1;token=${canary('query-semicolon')}` +
      `&next=%2Fcb%3Ftoken%3D${canary('query-nested')}` +
      `&url=http%3A%2F%2Fjoe:${canary('query-url-user')}@other/`,
  },
  { target: `/path/http://joe:${canary('path-url-user')}@other/` },
  {
    target: '/hosts',
    headers: { Forwarded: `host="joe:${canary('forwarded-user')}@shop.example"` },
  },
  { target: '/relative' },
  { target: '/stream' },
  { target: '/html' },
  { target: `/fragment?a=1#sig=${canary('target-fragment')}` },
  {
    target: `http://${canary('target-user')}:${canary('target-password')}@shop.example/absolute?token=${canary('query-custom')}`,
  },
  { target: '/host', host: `joe:${canary('host-user')}@shop.example` },
  { method: 'POST', target: '/api/json', headers: JSON_TYPE, body: json('json') },
  {
    method: 'POST',
    target: '/json/deep',
    headers: JSON_TYPE,
    body: `{"kept":"kept-in-request","user":{"pass word":"${canary('json-deep')}"}}`,
  },
  {
    method: 'POST',
    target: '/json/gzip',
    headers: { ...JSON_TYPE, 'Content-Encoding': 'gzip' },
    body: gzipSync(json('json-gzip')),
  },
  {
    method: 'POST',
    target: '/json/split',
    headers: JSON_TYPE,
    chunks: json('json-split').split(/(?<=canary-js|on-spl|"p)/),
    trailers: [`X-Custom: ${canary('trailer')}`],
  },
  { method: 'POST', target: '/json/untyped', body: json('json-untyped') },
  {
    method: 'POST',
    target: '/json/as-form',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: json('json-as-form'),
  },
  {
    method: 'POST',
    target: '/json/as-html',
    headers: { 'Content-Type': 'text/html' },
    body: json('json-as-html'),
  },
  { method: 'POST', target: '/json/mark', headers: TEXT_TYPE, body: `\ufeff${json('json-mark')}` },
  {
    method: 'POST',
    target: '/json/keys',
    headers: JSON_TYPE,
    body: `{"p\\u0069n":"${canary('json-escaped-key')}","a":{"pin":1,"pin":["${canary('json-twice')}"]}}`,
  },
  {
    method: 'POST',
    target: '/json/brotli',
    headers: { ...JSON_TYPE, 'Content-Encoding': 'br' },
    body: brotliCompressSync(json('json-brotli')),
  },
  {
    method: 'POST',
    target: '/json/zstd',
    headers: { ...JSON_TYPE, 'Content-Encoding': 'zstd, gzip' },
    body: gzipSync(zstdCompressSync(json('json-zstd'))),
  },
  {
    method: 'POST',
    target: '/json/part',
    headers: { 'Content-Type': 'multipart/related; boundary=b' },
    body: `--b\r\nContent-Type: application/json\r\n\r\n${json('json-part')}\r\n--b--\r\n`,
  },
  { method: 'POST', target: '/json/invalid', headers: JSON_TYPE, body: `${json('json-invalid')},` },
  { method: 'POST', target: '/retry/json', headers: JSON_TYPE, body: json('json-retried') },
  {
    method: 'POST',
    target: '/form',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body:
      `user=kept-in-request&pass%77ord=${canary('form')}&pass+word=${canary('form-plus')}` +
      `&a=1;password=${canary('form-semicolon')}`,
  },
  {
    method: 'POST',
    target: '/multipart',
    headers: { 'Content-Type': 'multipart/form-data; boundary=b' },
    body: `--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n${canary('multipart')}\r\n--b--\r\n`,
  },
  { target: '/guarded', headers: { Authorization: canary('authorization') } },
  { target: '/error', headers: { Cookie: canary('cookie') } },
  { target: '/intercepted', headers: { Cookie: canary('cookie') } },
  { target: '/gzip' },
  { target: '/compressed' },
  { target: '/long' },
  { target: '/missing/backend', headers: { 'X-Custom': canary('custom-header') } },
  // Beyond what is kept of a head.
  {
    target: '/late',
    headers: { 'X-Padding': 'p'.repeat(20_000), Cookie: canary('late-header') },
  },
];

/** Only a pattern covers these. */
const CARD_REQUESTS: readonly Request[] = [
  { target: `/cards/${CARDS.path}/x` },
  { target: `/cards/${CARDS.escapedPath.replaceAll('-', '%2D')}` },
  { target: `/cards?kept=1&number=${CARDS.query}` },
  {
    target: '/cards/headers',
    host: `${CARDS.host}.example`,
    headers: {
      'X-Note': `pay with ${CARDS.header}`,
      'User-Agent': `wallet/${CARDS.userAgent}`,
      'X-Request-Id': CARDS.requestId,
      Traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      Tracestate: `vendor=${CARDS.tracestate},other=kept-in-tracestate`,
    },
  },
  {
    method: 'POST',
    target: '/cards/text',
    headers: { 'Content-Type': 'text/plain' },
    body: `kept-in-request ${CARDS.text}`,
  },
  {
    method: 'POST',
    target: '/cards/json',
    headers: JSON_TYPE,
    body: `{"kept":"kept-in-request","note":"${CARDS.escapedJson.replaceAll('-', '\\u002d')}"}`,
  },
];

/** All of them one after the other; each once for every `format`, which the rules read. */
export async function ask(port: number, hasPattern: boolean): Promise<number> {
  const requests = hasPattern ? [...REQUESTS, ...CARD_REQUESTS] : REQUESTS;
  for (const format of ['json', 'text']) {
    for (const request of requests) await converse(port, piecesOf(request, format), /$^/);
  }
  return 2 * requests.length;
}

function piecesOf(request: Request, format: string): (string | Buffer)[] {
  const { method = 'GET', target, host = 'shop.example', headers = {}, lines = [] } = request;
  const { body = '', chunks, trailers = [] } = request;
  const framing: Headers =
    chunks === undefined
      ? { 'Content-Length': String(Buffer.byteLength(body)) }
      : { 'Transfer-Encoding': 'chunked' };
  const all = { Host: host, Connection: 'close', 'X-Format': format, ...headers, ...framing };
  const fields = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  const head = [`${method} ${target} HTTP/1.1`, ...fields, ...lines, '\r\n'].join('\r\n');
  if (chunks === undefined) return [head, body];
  const pieces = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`);
  return [head, ...pieces, `0\r\n${trailers.join('\r\n')}\r\n\r\n`];
}
