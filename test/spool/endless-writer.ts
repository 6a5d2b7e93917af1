/** endless-writer.ts FOLDER: fills a spool with numbered records and says what is written. */
import { openSpool } from './small-spool.ts';

const { spool } = await openSpool(process.argv[2] ?? '', { bytesMax: 64 * 1024 * 1024 });
for (let number = 0; ; ) {
  const insured = [];
  for (let i = 0; i < 20; i++, number++) {
    const record = Buffer.from(`${number} ${'x'.repeat((number * 37) % 900)}`);
    // Every seventh is under way when the process dies.
    if (number % 7 === 0) insured.push(spool.insure(record));
    else spool.append(record);
  }
  await spool.written();
  process.stdout.write(`${number}\n`);
  if (insured.length === 0) break;
}
