/**
 * Every field that a rule can name. The one table: the compiler checks names and types with it, the
 * sources have a reader for each, docs/rules.md lists it.
 */
import { TIERS } from '../../handoff/layout.ts';
import { type Field, Schema } from './field.ts';

type Spec = Omit<Field, 'name'>;

const DIRECTIONS = ['ingress', 'egress-internal', 'egress-external'] as const;

/** `src` is the side of the observed process, `dst` the other one, for ingress as for egress. */
const FIELDS = {
  direction: {
    type: 'text',
    isAlways: true,
    values: DIRECTIONS,
    doc: 'Ingress when the process is the server of the connection, egress when it is the client; internal when the peer has a private, loopback or link-local address.',
  },
  protocol: { type: 'text', isAlways: true, values: ['http1'], doc: 'Protocol of the exchange.' },
  type: { type: 'text', isAlways: true, values: ['tcp', 'unix'], doc: 'Kind of socket.' },
  tags: {
    type: 'words',
    isAlways: true,
    doc: 'Tags of the process (`tags` of the file), each `key:value`.',
  },

  'http.req.method': { type: 'text', isAlways: true, doc: 'Method as sent.' },
  'http.req.path': { type: 'text', doc: 'Path without the query, %-escapes decoded.' },
  'http.req.query': {
    type: 'text',
    doc: 'Query as sent, without `?`; missing when there is none.',
  },
  'http.req.query.*': {
    type: 'text',
    isSeveral: true,
    doc: 'Value of one query key, decoded; any value counts when it is repeated.',
  },
  'http.req.url': { type: 'text', doc: 'Scheme, host, path and query as sent.' },
  'http.req.scheme': {
    type: 'text',
    isAlways: true,
    values: ['http', 'https'],
    doc: 'https when the connection is TLS.',
  },
  'http.req.host': {
    type: 'text',
    doc: 'Host and port as the client named them: `Host`, or the authority of the target.',
  },
  'http.req.version': { type: 'text', doc: 'HTTP version of the request: `1.0` or `1.1`.' },
  'http.req.headers.*': {
    type: 'text',
    isFolded: true,
    isSeveral: true,
    doc: 'Header by name in any case; any value counts when it is repeated.',
  },
  'http.req.body_bytes': {
    type: 'number',
    isAlways: true,
    doc: 'Bytes of the request body on the wire, without chunk framing.',
  },

  'http.res.status': { type: 'number', doc: 'Status code; missing when no response was seen.' },
  'http.res.headers.*': {
    type: 'text',
    isFolded: true,
    isSeveral: true,
    doc: 'Response header by name in any case; any value counts when it is repeated.',
  },
  'http.res.transfer-encoding': {
    type: 'text',
    doc: 'The same as `http.res.headers.transfer-encoding`.',
  },
  'http.res.duration_ms': {
    type: 'number',
    doc: 'First byte of the request to the last of the response, in milliseconds with fractions.',
  },
  'http.res.ttfb_ms': {
    type: 'number',
    doc: 'First byte of the request to the first of the response, in milliseconds with fractions; missing when no response was seen.',
  },
  'http.res.body_bytes': {
    type: 'number',
    isAlways: true,
    doc: 'Bytes of the response body on the wire, without chunk framing.',
  },
  'http.res.error': {
    type: 'text',
    values: ['closed', 'reset', 'lost', 'invalid', 'detached'],
    doc: 'How an exchange ended that did not complete; missing when it did.',
  },

  'src.ip': { type: 'address', doc: 'Address of the process; missing on Unix sockets.' },
  'src.port': { type: 'number', doc: 'Port of the process; missing on Unix sockets.' },
  'dst.ip': { type: 'address', doc: 'Address of the peer; missing on Unix sockets.' },
  'dst.port': { type: 'number', doc: 'Port of the peer; missing on Unix sockets.' },
  'dst.domain': {
    type: 'text',
    doc: 'Egress: the name by which the process asks, without port, lower case; missing when it asks for an address.',
  },
  'src.process.path': { type: 'text', doc: 'Path of the executable.' },
  'src.process.binary': { type: 'text', doc: 'Name of the executable.' },
  'src.process.pid': { type: 'number', doc: 'Process id as the host sees it.' },
  'src.process.hostname': { type: 'text', doc: 'Host name.' },
  'src.process.user.id': { type: 'number', doc: 'User id.' },
  'src.process.user.name': { type: 'text', doc: 'User name.' },
  'src.process.env.*': {
    type: 'text',
    doc: 'Environment variable, of those that `tags` captures.',
  },
  'src.container.id': { type: 'text', doc: 'First 12 characters of the container id.' },
  'src.container.name': { type: 'text', doc: 'Container name.' },
  'src.container.image': { type: 'text', doc: 'Container image.' },
  'src.container.labels.*': { type: 'text', doc: 'Container label.' },
  'src.pod.name': { type: 'text', doc: 'Kubernetes pod.' },
  'src.pod.namespace': { type: 'text', doc: 'Its namespace.' },
  'src.pod.labels.*': { type: 'text', doc: 'Label of the pod.' },
  'src.pod.annotations.*': { type: 'text', doc: 'Annotation of the pod.' },

  'tls.enabled': { type: 'flag', isAlways: true, doc: 'True when the connection is TLS.' },
  'tls.version': { type: 'number', doc: '1.0 to 1.3; missing without TLS.' },
  'tls.sni': { type: 'text', doc: 'Server name that the client asked for.' },
  'tls.alpn': { type: 'words', doc: 'Protocols that the client offered.' },

  'link.tier': {
    type: 'text',
    isAlways: true,
    values: TIERS,
    doc: 'How the parent was found (docs/spans.md).',
  },
  'link.confidence': { type: 'number', isAlways: true, doc: '0 to 1.' },
  'link.resend': {
    type: 'number',
    isAlways: true,
    doc: 'Egress: from 1 when this attempt repeats an earlier one.',
  },
  'link.own_ms': {
    type: 'number',
    doc: "Ingress: the proxy's own time, not covered by its egress, in milliseconds with fractions; missing when it is not known.",
  },
  'link.changed.method': { type: 'flag', doc: 'The proxy sent another method than it received.' },
  'link.changed.path': { type: 'flag', doc: 'It sent another path.' },
  'link.changed.query': { type: 'flag', doc: 'It sent another query.' },
  'link.changed.host': { type: 'flag', doc: 'It sent another host.' },
  'link.changed.status': { type: 'flag', doc: 'It answered with another status than it got.' },
  'link.changed.headers': {
    type: 'words',
    doc: 'Request headers whose value differs, lower case.',
  },
  'link.added.headers': { type: 'words', doc: 'Request headers that the proxy added, lower case.' },
  'link.removed.headers': {
    type: 'words',
    doc: 'Request headers that the proxy did not pass on, lower case.',
  },
  'link.changed.response_headers': {
    type: 'words',
    doc: 'Response headers whose value differs, lower case.',
  },
  'link.added.response_headers': {
    type: 'words',
    doc: 'Response headers that the proxy added, lower case.',
  },
  'link.removed.response_headers': {
    type: 'words',
    doc: 'Response headers that the proxy did not pass on, lower case.',
  },
  'link.changed.request_body': {
    type: 'flag',
    copies: 'request',
    doc: 'It sent another body; missing when not every byte was seen.',
  },
  'link.changed.response_body': {
    type: 'flag',
    copies: 'response',
    doc: 'It answered with another body; missing when not every byte was seen.',
  },
} as const satisfies Readonly<Record<string, Spec>>;

export type FieldNames = keyof typeof FIELDS;

/** Names of the fields of one type, for tables of readers. */
export type NamesOf<T extends Field['type']> = {
  [Name in FieldNames]: (typeof FIELDS)[Name]['type'] extends T ? Name : never;
}[FieldNames];

export const SCHEMA = new Schema(Object.entries(FIELDS).map(([name, spec]) => ({ name, ...spec })));
