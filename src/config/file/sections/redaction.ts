/** `redaction`: what never leaves the agent. Applied before anything is queued, printed or stored. */
import {
  list,
  object,
  optional,
  required,
  source,
  text,
  variant,
  withDefault,
  word,
} from '../schema.ts';
import { headerName, regex } from './text.ts';

const action = word({
  keep: 'as it is, although a later rule or a list covers it',
  mask: 'the word REDACTED',
  hash: 'HMAC-SHA256 with hash_key: equal values stay equal',
  drop: 'the value and its name are left out',
});

const common = {
  action: withDefault(action, 'mask', 'What is left of it.'),
  of: withDefault(
    word({ both: 'requests and responses', request: 'requests', response: 'responses' }),
    'both',
    'Which messages.',
  ),
} as const;

/** `$.a.b[0]`, `$.items[*].secret`, `$..password`: the part of RFC 9535 that names places. */
const JSON_PATH = /^\$(\.\.?([A-Za-z_][\w-]*|\*)|\[(\d+|\*|'[^']*'|"[^"]*")\])+$/;

export const redactionRule = variant('type', {
  header: {
    doc: 'A header by its name.',
    object: object({
      name: required(
        text('the name of a header, `*` at its beginning or end for any letters', {
          pattern: /^\*?[!#$%&'+\-.^_`|~0-9A-Za-z]+\*?$/,
        }),
        'Letter case does not count.',
      ),
      ...common,
    }),
  },
  query: {
    doc: 'A parameter of the query by its name.',
    object: object({
      name: required(
        text('the name of a parameter', { pattern: /./ }),
        'As it is after decoding; letter case counts.',
      ),
      ...common,
    }),
  },
  form: {
    doc: 'A field of a form body (application/x-www-form-urlencoded, multipart/form-data).',
    object: object({
      name: required(
        text('the name of a field', { pattern: /./ }),
        'As it is after decoding; letter case counts.',
      ),
      ...common,
    }),
  },
  json: {
    doc: 'A value in a JSON body.',
    object: object({
      path: required(
        text('a path such as $.user.password, $.items[*].token or $..secret', {
          pattern: JSON_PATH,
        }),
        'Names, `[0]`, `[*]`, `.*` and `..` of RFC 9535.',
      ),
      ...common,
    }),
  },
  regex: {
    doc: 'Whatever matches, anywhere in the listed places.',
    object: object({
      pattern: required(regex(), 'RE2; linear time.'),
      in: withDefault(
        list(
          word({
            path: 'the path',
            query: 'the query',
            headers: 'values of headers',
            body: 'bodies',
          }),
          1,
        ),
        ['path', 'query', 'headers', 'body'],
        'Where it is looked for.',
      ),
      ...common,
    }),
  },
});

export const redaction = object(
  {
    rules: withDefault(
      list(redactionRule),
      [],
      'The first rule that covers a value decides; then the two lists below.',
    ),
    secretHeaders: withDefault(
      list(headerName()),
      ['authorization', 'cookie', 'set-cookie', 'proxy-authorization', 'x-api-key'],
      'Headers that are masked; a list of your own replaces this one.',
    ),
    sensitiveQueryParameters: withDefault(
      list(text('the name of a parameter', { pattern: /./ })),
      [
        'X-Amz-Signature',
        'X-Amz-Credential',
        'X-Amz-Security-Token',
        'AWSAccessKeyId',
        'Signature',
        'sig',
        'X-Goog-Signature',
      ],
      'Query parameters that are masked (the list of the semantic conventions); a list of your own replaces this one.',
    ),
    hashKey: optional(
      source(),
      'Key of `hash`. Left out: a random one, so that hashes are equal until the agent ends.',
    ),
  },
  {
    unsupported: {
      headers: 'use rules: [{type: header, name: ...}]',
      blocked_values: 'use rules: [{type: regex, pattern: ...}]',
      allowed_keys: 'use rules with action: keep',
      ignored_keys: 'use rules with action: keep',
    },
  },
);
