/**
 * Known request methods and what follows from each for a span: its name, and the attributes that
 * a request has in common with thousands of others, as one block (semconv http-spans, "name",
 * `http.request.method`). Span names hold no path: the route is not known on the wire.
 */
import { type Block, block, KIND, type NameAndKind, nameAndKind } from './attributes.ts';

/** RFC 9110 9.3, RFC 5789 and QUERY. */
export const KNOWN_METHODS: readonly string[] = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
  'QUERY',
];

export interface Method {
  readonly bytes: Uint8Array;
  readonly isKnown: boolean;
  readonly server: NameAndKind;
  readonly client: NameAndKind;
  /** By `commonIndex`. */
  readonly common: readonly Block[];
}

const SCHEMES = ['http', 'https', undefined] as const;
const TRANSPORTS = ['tcp', 'unix'] as const;
const VERSIONS = ['1.0', '1.1'] as const;

export const SCHEME = { http: 0, https: 1, other: 2 } as const;

/** `scheme` by SCHEME, `minor` version 0 or 1. */
export function commonIndex(scheme: number, minor: number, isUnix: boolean): number {
  return (scheme * 2 + minor) * 2 + (isUnix ? 1 : 0);
}

export class Methods {
  readonly #byLength: (readonly Method[] | undefined)[] = [];
  readonly #other = createMethod('_OTHER', 'HTTP', false);

  /** `known` replaces the list (OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS). */
  constructor(known: readonly string[] = KNOWN_METHODS) {
    for (const name of known) {
      const method = createMethod(name, name, true);
      this.#byLength[name.length] = [...(this.#byLength[name.length] ?? []), method];
    }
  }

  /** Case-sensitive, RFC 9110 9.1. */
  find(bytes: Uint8Array, start: number, end: number): Method {
    const candidates = this.#byLength[end - start];
    if (candidates === undefined) return this.#other;
    for (const method of candidates) {
      let i = 0;
      while (start + i < end && bytes[start + i] === method.bytes[i]) i++;
      if (start + i === end) return method;
    }
    return this.#other;
  }
}

function createMethod(value: string, spanName: string, isKnown: boolean): Method {
  const common: Block[] = [];
  for (const scheme of SCHEMES) {
    for (const version of VERSIONS) {
      for (const transport of TRANSPORTS) {
        common.push(
          block({
            'http.request.method': value,
            ...(scheme === undefined ? {} : { 'url.scheme': scheme }),
            'network.protocol.version': version,
            'network.transport': transport,
          }),
        );
      }
    }
  }
  return {
    bytes: Buffer.from(value),
    isKnown,
    server: nameAndKind(spanName, KIND.server),
    client: nameAndKind(spanName, KIND.client),
    common,
  };
}
