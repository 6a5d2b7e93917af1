/**
 * store-writer.ts OPTIONS: hands objects to an s3 store, for ever, and says how many of them are
 * on disk. OPTIONS are JSON of S3StoreOptions.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { openWriter } from '../../../src/store/open-writer.ts';
import { Counters } from '../../../src/telemetry/counters.ts';
import { Lines } from '../../store/options.ts';

const counters = new Counters();
const options = JSON.parse(process.argv[2] ?? '');
const { writer } = await openWriter(options, { counters, log: new Lines() });
for (let number = 0; ; ) {
  for (let i = 0; i < 10; i++, number++) {
    const bytes = Buffer.from(`content ${number} ${'x'.repeat((number * 31) % 2_000)}`);
    const key = `tap/2026/11/21/object-${number}`;
    writer.offer({ key, bytes, contentType: 'text/plain', isContentAddressed: false });
  }
  await delay(5);
  process.stdout.write(`${number} ${counters.get('store.spooled')}\n`);
}
