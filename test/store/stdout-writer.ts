/** stdout-writer.ts FORMAT COUNT: prints records and says on stderr, ten times a second, that it lives. */
import { StdoutStage } from '../../src/store/stdout-stage.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { Lines } from './options.ts';
import { bodyOf, inputOf, requestOf, responseOf } from './record-inputs.ts';

const [, , format, count] = process.argv;
const counters = new Counters();
const stage = new StdoutStage(undefined, { counters, log: new Lines() });
const response = responseOf(200, [], { body: bodyOf('x'.repeat(100_000)) });
for (let i = 0; i < Number(count); i++) {
  const request = requestOf('GET', `http://x.test/${i}`);
  stage.add(inputOf(request, response), format === 'text' ? 'text' : 'json');
}
const timer = setInterval(() => process.stderr.write('alive\n'), 100);
await stage.flush(60_000);
clearInterval(timer);

process.stderr.write(
  `${JSON.stringify({ printed: counters.get('store.printed'), dropped: counters.get('dropped.store_stdout') })}\n`,
);
