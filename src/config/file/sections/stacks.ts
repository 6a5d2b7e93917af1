/** `stacks` and `rulekit`: what is kept of which exchange. */
import { limits } from '../../limits.ts';
import {
  boolean,
  list,
  map,
  number,
  object,
  optional,
  required,
  section,
  text,
  variant,
  withDefault,
  word,
} from '../schema.ts';
import { expression, headerName } from './text.ts';

/** What is kept of an exchange; `headers` is Qtap's newer name of `details`. */
const level = word(
  {
    none: 'nothing (still counted in metrics)',
    summary: 'a span with metadata',
    details: 'and headers: attributes by allow-list, a record in the object store',
    full: 'and bodies',
  },
  { aliases: { headers: 'details' } },
);

const format = word({ json: 'one JSON object', text: 'for people, as in the guides' });
const store = word({
  sampled: 'records and bodies are kept when the span is',
  always: 'records and bodies are kept although the span is not sampled',
});

const name = withDefault(text('a name'), '', 'For messages and for people.');
const expr = required(expression(), 'When the rule matches.');

const captureRule = object(
  {
    name,
    expr,
    level: optional(
      level,
      'The first matching rule replaces the level of the plugin, later ones can only raise it; `none` ends the evaluation.',
    ),
    format: optional(format, 'The format of the plugin when left out.'),
    sample: optional(
      number(0, 1),
      'Share of the hops to keep; the highest of all matching rules counts.',
    ),
    store: optional(store, 'As in the plugin when left out.'),
  },
  {
    check: (rule, report) => {
      if (rule.level !== undefined || rule.sample !== undefined || rule.store !== undefined) return;
      report(
        'error',
        '',
        'the rule does nothing',
        'give it a level (none, summary, details, full), sample or store',
      );
    },
  },
);

const objectStoreReference = object({
  id: optional(
    text('the id of an object store'),
    'The first of services.object_stores when left out.',
  ),
  disabled: withDefault(boolean(), false, 'Store nothing.'),
});

const httpCapture = object({
  level: withDefault(level, 'none', 'What is kept when no rule matches.'),
  format: withDefault(format, 'json', 'Of records that are written as text (object store stdout).'),
  match: withDefault(
    word({
      raise: 'all rules are asked; the first match replaces the level, later ones raise it',
      first: 'the first matching rule decides, as in Qtap',
    }),
    'raise',
    'Which matching rules count.',
  ),
  store: withDefault(store, 'sampled', 'Whether sampling thins out records and bodies too.'),
  rules: withDefault(list(captureRule), [], 'Asked in order when the exchange is finished.'),
  objectStore: section(objectStoreReference, 'Where records and bodies go.'),
});

const mode = word(
  {
    none: 'nothing',
    summary: 'one line',
    details: 'and headers',
    full: 'and bodies',
  },
  { aliases: { headers: 'details' } },
);

function accessLogs(format: 'json' | 'console') {
  return object({
    mode: withDefault(mode, 'summary', 'What is written when no rule matches.'),
    format: withDefault(
      word({ json: 'a JSON line each', console: 'for people' }),
      format,
      'How it is written.',
    ),
    rules: withDefault(
      list(object({ name, expr, mode: required(mode, 'What is written then.') })),
      [],
      'The first matching rule decides.',
    ),
  });
}

const QTAP_ONLY = 'Qtap has this plugin, spantap has not';

export const pluginSchema = variant(
  'type',
  {
    http_capture: {
      doc: 'Spans, records and bodies, by rules.',
      object: object({ config: section(httpCapture, 'Level, format and rules.') }),
    },
    access_logs: {
      doc: 'A line for each exchange on standard output.',
      object: object({ config: section(accessLogs('json'), 'Mode, format and rules.') }),
    },
    debug: {
      doc: 'As access_logs, with format console.',
      object: object({ config: section(accessLogs('console'), 'Mode, format and rules.') }),
    },
    report_usage: {
      doc: 'An event for each exchange to the event store.',
      object: object({
        config: section(
          object({
            tags: withDefault(list(text()), [], 'Added to each event.'),
            headers: withDefault(list(headerName()), [], 'Request headers whose values are added.'),
          }),
          'What is added.',
        ),
      }),
    },
    http_metrics: {
      doc: 'Histograms of durations, counted before sampling.',
      object: object(
        {},
        { ignored: { config: { why: 'the plugin http_metrics has no settings' } } },
      ),
    },
  },
  {
    detect_errors: `${QTAP_ONLY}; a rule of http_capture with level full says the same`,
    logger: `${QTAP_ONLY}; use debug`,
    devtools: QTAP_ONLY,
    qscan: QTAP_ONLY,
    llm: QTAP_ONLY,
    dlp: `${QTAP_ONLY}; see the section redaction`,
  },
);

const stackSchema = object({
  plugins: withDefault(list(pluginSchema), [], 'What looks at each exchange, in this order.'),
});

export const stacks = map(stackSchema, 'names of stacks');

export const rulekit = object({
  macros: withDefault(
    list(
      object({
        name: required(
          text('a name of letters, digits and _', { pattern: /^[A-Za-z_][A-Za-z0-9_]*$/ }),
          'Rules call it with `()`.',
        ),
        expr: required(expression(), 'What the call stands for.'),
      }),
      0,
      limits.ruleMacrosMax,
    ),
    [],
    'Named expressions.',
  ),
});
