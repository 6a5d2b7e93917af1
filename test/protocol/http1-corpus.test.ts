import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DataEvent } from '../../src/capture/types.ts';
import type { CounterName } from '../../src/telemetry/counters.ts';
import { type Call, endSection, readCorpus, recordSection, type Section } from './corpus.ts';
import { describeExchange, type Outcome, play, playAll } from './outcome.ts';
import { cutEvent, type Wire } from './wire.ts';

const SIDES = ['server', 'client'] as const;
const AFTER = { method: 'GET', target: '/after', status: 299 };
const AFTER_REQUEST = `${AFTER.method} ${AFTER.target} HTTP/1.1\r\nHost: after\r\n\r\n`;
const AFTER_RESPONSE = `HTTP/1.1 ${AFTER.status} Fine\r\nContent-Length: 5\r\n\r\nafter`;

const sections = readCorpus();

function whole(section: Section, side: 'server' | 'client'): Wire {
  return endSection(section, recordSection(section, { role: side }));
}

function assertExpected(section: Section, outcome: Outcome, message: string): void {
  assert.deepEqual(outcome.lines, section.exchanges, message);
  for (const [name, value] of section.counters) {
    assert.equal(outcome.count(name as CounterName), value, `${name}, ${message}`);
  }
  assert.equal(outcome.count('lost.exchanges'), 0, message);
}

/** Every event as events of one byte. */
function crumbs(events: readonly DataEvent[]): DataEvent[] {
  return events.flatMap((event) => {
    const parts: DataEvent[] = [];
    let rest = event;
    while (rest.lenBytes > 1) {
      const [first, others] = cutEvent(rest, 1);
      parts.push(first);
      rest = others;
    }
    return [...parts, rest];
  });
}

describe('corpus sections, whole and cut', () => {
  for (const section of sections) {
    for (const side of SIDES) {
      test(`${section.file}: ${section.title} (${side})`, () => {
        const wire = whole(section, side);
        assertExpected(section, playAll(wire), 'whole');
        assertExpected(section, play(wire, crumbs(wire.events), wire.close()), 'byte by byte');
        for (const [index, event] of wire.events.entries()) {
          for (let at = 1; at < event.lenBytes; at++) {
            const events = wire.events.toSpliced(index, 1, ...cutEvent(event, at));
            const outcome = play(wire, events, wire.close());
            assertExpected(section, outcome, `event ${index} cut at ${at}`);
          }
        }
      });
    }
  }
});

/** Where the body begins in a call that begins with a head; its length when it does not. */
function headBytes(call: Call): number {
  const match = /^(?:\r?\n)*[^\r\n]+\r?\n(?:[^\r\n]+\r?\n)*\r?\n/.exec(
    call.bytes.toString('latin1'),
  );
  return match === null ? 0 : match[0].length;
}

describe('corpus sections whose bodies are not copied', () => {
  for (const section of sections.filter(
    ({ marks }) => !marks.has('filler=no') && !marks.has('unsure'),
  )) {
    test(`${section.file}: ${section.title}`, () => {
      // Only the first head of a call is copied: calls with two would be cut there.
      const isSimple = section.calls.every(({ bytes }) => !/\r\n\r\nHTTP\//.test(bytes.toString()));
      if (!isSimple || section.title.startsWith('The first byte')) return;
      for (const side of SIDES) {
        const options = (call: Call) => ({ copiedBytes: headBytes(call) });
        const wire = endSection(section, recordSection(section, { role: side }, options));
        assertExpected(section, playAll(wire), side);
      }
    });
  }
});

describe('corpus sections of connections older than the agent', () => {
  for (const section of sections.filter(({ marks }) => !marks.has('late=no'))) {
    test(`${section.file}: ${section.title}`, () => {
      for (const side of SIDES) {
        const options = { role: 'unknown', startSeen: false, side } as const;
        const wire = endSection(section, recordSection(section, options));
        const expected = section.exchanges.map((line) => line.replace(/^\d+/, '0'));
        assert.deepEqual(playAll(wire).lines, expected, side);
      }
    });
  }
});

/** "method target status" of an exchange, what must never be mixed up. */
function pairing(line: string): string {
  return line.split(' ').slice(1, -1).join(' ');
}

describe('corpus sections with an event lost', () => {
  for (const section of sections.filter(({ marks }) => !marks.has('loss=no'))) {
    for (const side of SIDES) {
      test(`${section.file}: ${section.title} (${side})`, () => {
        const goesOn = !section.marks.has('next=no');
        const wire = recordSection(section, { role: side });
        const { length } = wire.events;
        if (goesOn) wire.request(AFTER_REQUEST).response(AFTER_RESPONSE);
        endSection(section, wire);
        const truth = playAll(wire);
        for (let index = 0; index < length; index++) {
          const outcome = play(wire, wire.events.toSpliced(index, 1), wire.close());
          assertSurvived(section, truth, outcome, goesOn, `event ${index} lost`);
        }
      });
    }
  }
});

function assertSurvived(
  section: Section,
  truth: Outcome,
  outcome: Outcome,
  goesOn: boolean,
  message: string,
): void {
  const pairs = new Map(truth.ended.map((e) => [`${e.method} ${pairTarget(e)}`, e.status]));
  for (const exchange of outcome.ended) {
    const status = pairs.get(`${exchange.method} ${pairTarget(exchange)}`);
    assert.notEqual(status, undefined, `${describeExchange(exchange)} was never there, ${message}`);
    if (exchange.status !== 0) assert.equal(exchange.status, status, message);
  }
  const told = `${outcome.lines.join('\n')} ${message}`;
  if (section.marks.has('unsure')) {
    // Requests that share a turn are lost as one; what may be a tunnel is not read.
    assert.ok(outcome.accounted <= truth.accounted && outcome.accounted > 0, told);
    return;
  }
  const last = outcome.lines.at(-1) ?? '';
  if (goesOn) assert.match(last, /\d GET \/after 299 complete response=5/, told);
  assert.equal(outcome.accounted, truth.accounted, told);
}

function pairTarget(exchange: Outcome['ended'][number]): string {
  return pairing(describeExchange(exchange)).split(' ')[1];
}

describe('client connections whose responses are recorded before their requests', () => {
  for (const section of sections.filter(({ marks }) => !marks.has('reorder=no'))) {
    test(`${section.file}: ${section.title}`, () => {
      for (let index = 0; index < section.calls.length; index++) {
        const calls = [...section.calls];
        if (!calls[index].isRequest || calls[index + 1]?.isRequest !== false) continue;
        [calls[index], calls[index + 1]] = [calls[index + 1], calls[index]];
        const reordered = { ...section, calls };
        const wire = recordSection(reordered, { role: 'client' }, (call) => ({
          tid: call.isRequest ? 101 : 102,
        }));
        const outcome = playAll(endSection(section, wire));
        assert.deepEqual(outcome.lines, section.exchanges, `call ${index} recorded late`);
      }
    });
  }
});
