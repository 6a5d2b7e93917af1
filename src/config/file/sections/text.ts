/** Kinds of text that several sections share. */
import { withoutUsers } from '../../secrets.ts';
import { optional, type Schema, text } from '../schema.ts';

/** `scheme://user:password@host` without what is secret in it. */
function maskCredentials(url: string): string {
  return withoutUsers(url, '****@');
}

function checkUrl(url: string): string | undefined {
  if (!/^https?:\/\//i.test(url)) return 'it must begin with http:// or https://';
  return URL.canParse(url) ? undefined : 'it cannot be parsed';
}

/** gRPC addresses may lack a scheme; which of both is meant is known with the protocol. */
export function otlpEndpoint(expands = false): Schema<string> {
  return text('a URL such as http://localhost:4318, or host:port for gRPC', {
    expands,
    check: (endpoint) => {
      if (/^https?:\/\//i.test(endpoint)) return checkUrl(endpoint);
      return /^unix:|^[^/\s]+$/.test(endpoint) ? undefined : 'it is neither a URL nor host:port';
    },
    mask: maskCredentials,
  });
}

export const OTLP_PROTOCOLS = {
  grpc: 'OTLP/gRPC',
  'http/protobuf': 'OTLP/HTTP, protobuf',
  'http/json': 'OTLP/HTTP, JSON',
} as const;

/** `127.0.0.1:9464`, `[::1]:9464`, `:9464`; port 0 is any. */
export function listenAddress(): Schema<string> {
  return text('an address such as 127.0.0.1:10001', {
    pattern: /^([\w.-]*|\[[0-9a-fA-F:.]+\]):\d{1,5}$/,
    check: (address) =>
      Number(/\d+$/.exec(address)?.[0]) < 65_536 ? undefined : 'the port is above 65535',
  });
}

export function path(): Schema<string> {
  return text('a path', { pattern: /./ });
}

export function absolutePath(): Schema<string> {
  return text('an absolute path', { pattern: /^\// });
}

/** A header's name: an RFC 9110 token. */
export const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

export function headerName(): Schema<string> {
  return text('the name of a header', { pattern: HEADER_NAME });
}

export function expression(): Schema<string> {
  return text('an expression', { format: 'expression', pattern: /\S/ });
}

export function regex(): Schema<string> {
  return text('a regular expression (RE2)', { format: 'regex', pattern: /./s });
}

export const QPOINT_SERVICE =
  'it belongs to the Qpoint service; spantap sends to stores of your own only';

export const storeId = optional(
  text('a name'),
  'Name by which plugins and object stores choose it.',
);
