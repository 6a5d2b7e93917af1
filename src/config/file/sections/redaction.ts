/** `redaction`: what never leaves the agent. Applied before anything is queued, printed or stored. */
import { SECRET_HEADERS, SENSITIVE_QUERY_KEYS } from '../../secrets.ts';
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

const WORDS = {
  mask: 'the word REDACTED',
  hash: 'a keyed hash: equal values stay equal',
  drop: 'the value and its name are left out',
} as const;

/** Of things that have a name, which a later rule or a list might cover. */
const action = withDefault(
  word({ keep: 'as it is, although a later rule or a list covers it', ...WORDS }),
  'mask',
  'What is left of it.',
);

/** `$.a.b`, `$.items[*].card`, `$..token`, `$["odd key"]`: the part of RFC 9535 that names places. */
const JSON_PATH =
  /^\$(?:(?:\.\.?)(?:\*|[^.[\]*"'\s]+)|(?:\.\.)?\[(?:\*|\d+|"(?:[^"\\]|\\.)*")\])+$/;

const name = (what: string) => text(what, { pattern: /./ });

const redactionRule = variant('type', {
  header: {
    doc: 'A header by its name.',
    object: object({ name: required(headerName(), 'Letter case does not count.'), action }),
  },
  query: {
    doc: 'A parameter of the query by its name, also of URLs in values of headers.',
    object: object({
      name: required(
        name('the name of a parameter'),
        'As it is after decoding; letter case counts.',
      ),
      action,
    }),
  },
  form: {
    doc: 'A field of a form body (application/x-www-form-urlencoded).',
    object: object({
      name: required(name('the name of a field'), 'As it is after decoding; letter case counts.'),
      action,
    }),
  },
  json: {
    doc: 'A value in a JSON body.',
    object: object({
      path: required(
        text('a path such as $.user.password, $.items[*].token or $..secret', {
          pattern: JSON_PATH,
        }),
        'Names, `["odd name"]`, `[0]`, `[*]`, `.*` and `..` of RFC 9535.',
      ),
      action,
    }),
  },
  regex: {
    doc: 'Whatever matches, in targets, values of headers and bodies.',
    object: object({
      pattern: required(regex(), 'RE2; linear time.'),
      action: withDefault(
        word(WORDS, {
          unsupported: { keep: 'name what is to be kept: type header, query, form or json' },
        }),
        'mask',
        'What is left of it.',
      ),
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
      SECRET_HEADERS,
      'Headers that are masked; a list of your own replaces this one.',
    ),
    sensitiveQueryParameters: withDefault(
      list(name('the name of a parameter')),
      SENSITIVE_QUERY_KEYS,
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
