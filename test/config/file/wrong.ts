/** Wrong configurations: the text, and the one error that each gives, with its place. */

export interface Wrong {
  readonly name: string;
  readonly text: string;
  /** `line:column message`, the message from its beginning. */
  readonly error: string;
  /** Part of the hint. */
  readonly hint?: string;
}

const rules = (...lines: readonly string[]) =>
  [
    'tap: {http: {stack: s}}',
    'stacks:',
    '  s:',
    '    plugins:',
    '      - type: http_capture',
    '        config:',
    '          rules:',
    ...lines.map((line) => `            ${line}`),
  ].join('\n');

const store = (...lines: readonly string[]) =>
  ['services:', '  object_stores:', ...lines.map((line) => `    ${line}`)].join('\n');

const events = (...lines: readonly string[]) =>
  ['services:', '  event_stores:', ...lines.map((line) => `    ${line}`)].join('\n');

const macros = (...lines: readonly string[]) =>
  ['rulekit:', '  macros:', ...lines.map((line) => `    ${line}`)].join('\n');

const redaction = (line: string) => `redaction:\n  rules:\n    - ${line}`;

export const WRONG: readonly Wrong[] = [
  // The shape of the file
  {
    name: 'a tab indents',
    text: 'tap:\n\tdirection: all',
    error: '2:1 a tab cannot indent in YAML',
    hint: 'spaces',
  },
  { name: 'a bracket is open', text: 'tags: [', error: '1:8 Flow sequence' },
  { name: 'a quote is open', text: 'tap: {direction: "all}', error: '1:23 Missing closing "quote' },
  {
    name: 'two keys on a line',
    text: 'tap: direction: all',
    error: '1:6 Nested mappings are not allowed',
    hint: 'a new line for each key',
  },
  {
    name: 'keys that are not below each other',
    text: 'tap:\n  direction: all\n http: {}',
    error: '3:1 All mapping items must start at the same column',
    hint: 'in one column',
  },
  {
    name: 'a value that begins with a sign',
    text: 'tap: {http: {stack: @web}}',
    error: '1:21 Plain value cannot start with reserved character @',
    hint: 'quote the value',
  },
  {
    name: 'two documents',
    text: 'version: 2\n---\nversion: 2',
    error: '2:1 a second document begins here',
  },
  { name: 'the file is a list', text: '- version: 2', error: '1:1 a list where a mapping belongs' },
  { name: 'the file is text', text: 'qtap', error: '1:1 "qtap" where a mapping belongs' },
  {
    name: 'a key stands twice',
    text: 'version: 2\ntap: {}\ntap: {}',
    error: '3:1 key "tap" is there twice',
  },
  { name: 'a key is a list', text: '[a]: 1', error: '1:1 a key must be a word' },
  {
    name: 'a tag',
    text: 'tap:\n  direction: !ingress',
    error: '2:14 Unresolved tag',
    hint: 'tags have no meaning',
  },
  {
    name: 'an alias without an anchor',
    text: 'tap: *base',
    error: '1:6 no anchor &base before it',
  },
  {
    name: 'an anchor that contains itself',
    text: 'tap: &t\n  http: *t',
    error: '2:9 the anchor &t contains itself',
  },
  { name: 'a merge of text', text: 'tap:\n  <<: all', error: '2:7 << takes a mapping' },
  { name: 'another version', text: 'version: 1', error: '1:10 1 is not between 2 and 2' },
  { name: 'a version in words', text: 'version: two', error: '1:10 "two" is not a whole number' },

  // Unknown and unsupported keys
  {
    name: 'an unknown section',
    text: 'stakcs: {}',
    error: '1:1 unknown key "stakcs"',
    hint: 'did you mean stacks?',
  },
  {
    name: 'a key in camel case',
    text: 'tap:\n  ignoreLoopback: true',
    error: '2:3 unknown key "ignoreLoopback"',
    hint: 'did you mean ignore_loopback?',
  },
  {
    name: 'a key with hyphens',
    text: 'tap: {ignore-loopback: true}',
    error: '1:7 unknown key "ignore-loopback"',
    hint: 'did you mean ignore_loopback?',
  },
  {
    name: 'access control',
    text: 'control:\n  default: deny',
    error: '1:1 the key is not supported: Qtap had access control',
  },
  {
    name: 'filters outside tap',
    text: 'filters: {groups: [qpoint]}',
    error: '1:1 the key is not supported: it belongs under tap',
  },
  {
    name: 'another protocol',
    text: 'tap:\n  redis: {stack: cache}',
    error: '2:3 the key is not supported: Qtap captures this protocol, spantap captures HTTP only',
  },
  {
    name: 'endpoints below http',
    text: 'tap:\n  http:\n    endpoints: []',
    error: '3:5 unknown key "endpoints"',
    hint: 'allowed: stack',
  },
  {
    name: 'tags by their old name',
    text: 'tap: {env_tags: [A]}',
    error: '1:7 the key is not supported: tags from the environment are in the section tags',
  },
  {
    name: 'the scanner',
    text: 'services: {qscan: {type: client}}',
    error: '1:12 the key is not supported: Qtap scans payloads with it',
  },
  {
    name: 'a Collector configuration',
    text: 'receivers: {}',
    error: '1:1 the key is not supported: this is no configuration of a Collector',
  },
  {
    name: 'storage of a queue',
    text: 'otel: {sending_queue: {storage: file}}',
    error: '1:24 the key is not supported: what waits is kept by the section `spool`',
  },

  // Values
  {
    name: 'an unknown direction',
    text: 'tap:\n  direction: inbound',
    error: '2:14 "inbound" is not known',
    hint: 'allowed: all, ingress, egress, egress-internal, egress-external',
  },
  {
    name: 'a mistyped direction',
    text: 'tap: {direction: ingres}',
    error: '1:18 "ingres" is not known',
    hint: 'did you mean ingress?',
  },
  {
    name: 'yes for true',
    text: 'tap: {ignore_loopback: yes}',
    error: '1:24 "yes" is neither true nor false',
    hint: 'write true',
  },
  {
    name: 'true in quotes',
    text: 'tap: {ignore_loopback: "true"}',
    error: '1:24 "true" is neither true nor false',
    hint: 'without quotes',
  },
  {
    name: 'a key without a value',
    text: 'tap:\n  direction:',
    error: '2:13 has no value',
    hint: 'allowed: all',
  },
  {
    name: 'a list for one value',
    text: 'tap: {direction: [all]}',
    error: '1:18 a list where one value belongs',
  },
  {
    name: 'one value for a list',
    text: 'tap: {filters: {groups: qpoint}}',
    error: '1:25 "qpoint" where a list belongs',
    hint: '[a, b]',
  },
  {
    name: 'a mapping for a list',
    text: 'services:\n  event_stores:\n    type: stdout',
    error: '3:5 a mapping where a list belongs',
    hint: '"- "',
  },
  {
    name: 'a list for a mapping',
    text: 'stacks:\n  - s: {}',
    error: '2:3 a list where a mapping belongs',
  },
  {
    name: 'a time without a unit',
    text: 'otel: {timeout: 5}',
    error: '1:17 "5" is not a duration',
  },
  {
    name: 'a negative size',
    text: 'limits: {body_size: -1}',
    error: '1:21 -1 is not between 0 and 16MiB',
  },
  {
    name: 'a size in words',
    text: 'limits: {body_size: big}',
    error: '1:21 "big" is not a size such as 64KiB',
  },
  {
    name: 'a port above the last',
    text: 'capture: {ports: [70000]}',
    error: '1:19 70000 is not between 1 and 65535',
  },
  {
    name: 'a ratio above one',
    text: 'sampling: {default: 10}',
    error: '1:21 10 is not between 0 and 1',
  },
  { name: 'a percentage', text: 'sampling: {default: 10%}', error: '1:21 "10%" is not a number' },

  // Stores
  {
    name: 'an unknown store',
    text: store('- type: S3', '  bucket: b'),
    error: '3:13 "S3" is not known',
    hint: 'did you mean s3?',
  },
  {
    name: "Qpoint's warehouse",
    text: store('- type: qpoint'),
    error: '3:13 "qpoint" is not supported: it belongs to the Qpoint service',
  },
  {
    name: 'bodies over OTLP',
    text: store('- type: otel'),
    error: '3:13 "otel" is not supported: spantap sends spans over OTLP',
  },
  {
    name: 'Axiom',
    text: events('- type: axiom'),
    error: '3:13 "axiom" is not supported: use a store of type otel',
  },
  { name: 'Pulse', text: events('- type: pulse'), error: '3:13 "pulse" is not supported' },
  {
    name: 'a store without a type',
    text: events('- id: x'),
    error: '3:7 type is missing',
    hint: 'stdout, file, otel, disabled',
  },
  {
    name: 'id and type as two items',
    text: events('- id: x', '- type: stdout'),
    error: '3:7 type is missing',
    hint: 'another item',
  },
  {
    name: 'a key of another type',
    text: store('- type: stdout', '  bucket: b'),
    error: '4:7 unknown key "bucket"',
    hint: 'it is a key of type s3',
  },
  { name: 'a store without a bucket', text: store('- type: s3'), error: '3:7 bucket is missing' },
  {
    name: 'one key of two',
    text: store('- type: s3', '  bucket: b', '  access_key: {type: text, value: k}'),
    error: '5:19 access_key without secret_key',
  },
  {
    name: 'a key as text',
    text: store('- type: s3', '  bucket: b', '  access_key: AKIA'),
    error: '5:19 "AKIA" where {type, value} belongs',
    hint: 'type: env',
  },
  {
    name: 'a source of another type',
    text: store('- type: s3', '  bucket: b', '  access_key: {type: file, value: k}'),
    error: '5:26 "file" is not known',
    hint: 'allowed: env, text',
  },
  {
    name: 'an endpoint with a scheme',
    text: store('- type: s3', '  bucket: b', '  endpoint: https://s3.local'),
    error: '5:17 "https://s3.local" is not host or host:port, without a scheme',
  },
  {
    name: 'an event store that does not exist',
    text: store('- type: stdout', '  event_store: {id: audit}'),
    error: '4:25 no event store "audit"',
  },
  {
    name: 'an id twice',
    text: events('- {type: stdout, id: a}', '- {type: disabled, id: a}'),
    error: '4:28 the id "a" is there twice',
  },
  {
    name: 'OTLP/HTTP without a scheme',
    text: 'otel: {endpoint: "collector:4318"}',
    error: '1:18 "collector:4318" has no scheme',
    hint: 'http://collector:4318',
  },
  {
    name: 'one spool for two stores',
    text: store(
      '- {type: s3, bucket: a}',
      '- {type: s3, bucket: b, id: b, spool: {directory: /var/lib/spantap/spool/s3}}',
    ),
    error:
      '4:55 /var/lib/spantap/spool/s3 is the directory of services.object_stores[0].spool.directory too',
  },
  {
    name: 'an empty key',
    text: store(
      '- type: s3',
      '  bucket: b',
      '  access_key: {type: text, value: ""}',
      '  secret_key: {type: text, value: s}',
    ),
    error: '5:19 access_key is empty',
    hint: 'none for the usual AWS sources',
  },
  {
    name: 'an endpoint of another scheme',
    text: 'otel: {endpoint: "ftp://collector"}',
    error: '1:18 "ftp://collector" is not a URL',
  },
  {
    name: 'an unknown protocol',
    text: 'otel: {protocol: http/proto}',
    error: '1:18 "http/proto" is not known',
    hint: 'http/protobuf',
  },
  {
    name: 'a certificate without its key',
    text: 'otel: {tls: {cert_file: /c.pem}}',
    error: '1:25 cert_file without key_file',
  },
  {
    name: 'a relative directory',
    text: 'otel: {spool: {directory: spool}}',
    error: '1:27 "spool" is not an absolute path',
  },

  // Stacks and rules
  {
    name: 'a stack that does not exist',
    text: 'tap: {http: {stack: main}}\nstacks: {maim: {}}',
    error: '1:21 no stack "main"',
    hint: 'did you mean maim?',
  },
  {
    name: 'an unknown plugin',
    text: 'stacks:\n  s:\n    plugins:\n      - type: http_captur',
    error: '4:15 "http_captur" is not known',
    hint: 'did you mean http_capture?',
  },
  {
    name: 'a plugin of Qtap only',
    text: 'stacks: {s: {plugins: [{type: detect_errors}]}}',
    error: '1:31 "detect_errors" is not supported',
  },
  {
    name: 'plugins without a list',
    text: 'stacks: {s: {plugins: {type: debug}}}',
    error: '1:23 a mapping where a list belongs',
  },
  {
    name: 'a stack by the name of no stack',
    text: 'tap: {http: {stack: none}}\nstacks: {none: {}}',
    error: '2:16 a stack cannot be called "none"',
  },
  {
    name: 'two plugins that decide',
    text: 'tap: {http: {stack: s}}\nstacks: {s: {plugins: [{type: http_capture}, {type: http_capture}]}}',
    error: '2:53 a second http_capture in one stack is not supported',
    hint: 'plugins[0]',
  },
  {
    name: 'a rule of access logs without a mode',
    text: 'stacks: {s: {plugins: [{type: debug, config: {rules: [{expr: "true"}]}}]}}',
    error: '1:55 mode is missing',
    hint: 'allowed: none, summary, details, full',
  },
  {
    name: 'an unknown level',
    text: rules('- {expr: "true", level: all}'),
    error: '8:37 "all" is not known',
    hint: 'none, summary, details, full',
  },
  {
    name: 'an unknown format',
    text: rules('- {expr: "true", level: full, format: xml}'),
    error: '8:51 "xml" is not known',
  },
  {
    name: 'a rule without an expression',
    text: rules('- {name: a, level: full}'),
    error: '8:15 expr is missing',
  },
  {
    name: 'a rule that does nothing',
    text: rules('- {name: a, expr: "true"}'),
    error: '8:15 the rule does nothing',
  },
  {
    name: 'an empty expression',
    text: rules('- {expr: "", level: full}'),
    error: '8:22 "" is not an expression',
  },
  {
    name: 'a mode in place of a level',
    text: rules('- {expr: "true", mode: full}'),
    error: '8:30 unknown key "mode"',
    hint: 'level',
  },
  {
    name: 'an object store that does not exist',
    text: 'tap: {http: {stack: s}}\nstacks: {s: {plugins: [{type: http_capture, config: {object_store: {id: cold}}}]}}',
    error: '2:73 no object store "cold"',
  },
  {
    name: 'a macro that does not exist',
    text: rules('- {expr: "dst.port == 1 && is_eror()", level: full}'),
    error: '8:40 no macro or function "is_eror"',
  },

  // Expressions, inside their text
  {
    name: 'a mistyped field',
    text: rules("- {expr: 'dst.port == 1 and http.res.statsu >= 400', level: full}"),
    error: '8:41 unknown field http.res.statsu',
    hint: 'http.res.status',
  },
  {
    name: 'an expression that is cut short',
    text: rules('- name: a', '  level: full', '  expr: |', '    dst.port == 1', '      and'),
    error: '12:21 unexpected the end of the expression, expected a value',
  },
  {
    name: 'a comparison of other kinds',
    text: rules('- {expr: \'http.res.status >= "a"\', level: full}'),
    error: '8:42 ">=" compares numbers and fields',
  },
  {
    name: 'a pattern that is none',
    text: macros('- name: m', '  expr: http.req.path matches /(/'),
    error: '4:35 pattern is not valid: missing closing )',
  },
  {
    name: 'a function with too few values',
    text: macros('- name: m', '  expr: starts_with(http.req.path)'),
    error: '4:13 function "starts_with" expects 2 arguments, got 1',
  },

  // Macros
  {
    name: 'a macro without an expression',
    text: macros('- name: a'),
    error: '3:7 expr is missing',
  },
  {
    name: 'a macro twice',
    text: macros('- {name: a, expr: "true"}', '- {name: a, expr: "true"}'),
    error: '4:14 "a" is there twice',
  },
  {
    name: 'a macro by the name of a function',
    text: macros('- {name: zone, expr: "true"}'),
    error: '3:14 "zone" is the name of a function',
  },
  {
    name: 'a macro with a hyphen',
    text: macros('- {name: is-error, expr: "true"}'),
    error: '3:14 "is-error" is not a name of letters',
  },
  {
    name: 'a macro that calls itself',
    text: macros('- {name: a, expr: a()}'),
    error: '3:23 macros call each other in a circle: a() -> a()',
  },
  {
    name: 'macros in a circle',
    text: macros(
      '- {name: a, expr: b()}',
      '- {name: b, expr: "dst.port == 1 or c()"}',
      '- {name: c, expr: a()}',
    ),
    error: '5:23 macros call each other in a circle: a() -> b() -> c() -> a()',
  },

  // Filters, endpoints, tags, redaction
  {
    name: 'an unknown group',
    text: 'tap: {filters: {groups: [kubernets]}}',
    error: '1:26 "kubernets" is not known',
    hint: 'did you mean kubernetes?',
  },
  {
    name: 'a group by the name of the documentation',
    text: 'tap: {filters: {groups: [container]}}',
    error: '1:26 "container" is not supported: the group is called container-runtimes',
  },
  {
    name: 'an unknown strategy',
    text: 'tap: {filters: {custom: [{exe: x, strategy: glob}]}}',
    error: '1:45 "glob" is not known',
  },
  {
    name: 'a filter without an executable',
    text: 'tap: {filters: {custom: [{strategy: exact}]}}',
    error: '1:26 exe is missing',
  },
  {
    name: 'something else to leave out',
    text: 'tap: {filters: {custom: [{exe: x, only: [udp]}]}}',
    error: '1:42 "udp" is not known',
    hint: 'data, dns, tls, http',
  },
  {
    name: 'an endpoint with a wildcard',
    text: 'tap: {endpoints: [{domain: "*.shop.example"}]}',
    error: '1:28 "*.shop.example" is not the name of a host',
  },
  {
    name: 'a tag without a source',
    text: 'tags: [{key: team, location: TEAM}]',
    error: '1:8 source is missing',
  },
  {
    name: 'a tag from elsewhere',
    text: 'tags: [{key: team, source: pod.label, location: t}]',
    error: '1:28 "pod.label" is not known',
    hint: 'k8s.label',
  },
  {
    name: 'an unknown action',
    text: redaction('{type: header, name: x, action: remove}'),
    error: '3:39 "remove" is not known',
    hint: 'keep, mask, hash, drop',
  },
  {
    name: 'a path that is none',
    text: redaction('{type: json, path: user.password}'),
    error: '3:26 "user.password" is not a path such as',
  },
  {
    name: 'a pattern to keep',
    text: redaction('{type: regex, pattern: x, action: keep}'),
    error: '3:41 "keep" is not supported: name what is to be kept',
  },
  {
    name: 'headers of redaction at the top',
    text: 'redaction: {headers: [a]}',
    error: '1:13 the key is not supported: use rules',
  },
];
