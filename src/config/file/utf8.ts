/** Bytes of a configuration file -> its text, or where they are no UTF-8. */
import { type SyntaxProblem, yamlLimits } from './yaml-bounds.ts';

/** A text that is too long comes as it is: it is refused for its length. */
export function decodeUtf8(bytes: Uint8Array): string | SyntaxProblem {
  // What is wrong decodes to a sign that encodes to other bytes. (A cut at the bound may do that too.)
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  if (bytes.length > yamlLimits.fileBytesMax) return Buffer.from(bytes).toString('latin1');
  const again = new TextEncoder().encode(text);
  const at = again.findIndex((byte, index) => byte !== bytes[index]);
  return at < 0 ? text : problemAt(bytes, at);
}

function problemAt(bytes: Uint8Array, at: number): SyntaxProblem {
  const before = new TextDecoder().decode(bytes.subarray(0, at));
  const line = before.split('\n').length;
  const column = before.length - before.lastIndexOf('\n');
  const byte = `0x${bytes[at].toString(16).padStart(2, '0')}`;
  return { line, column, message: `the byte ${byte} is no UTF-8`, hint: hintFor(bytes) };
}

function hintFor([first, second]: Uint8Array): string {
  const isUtf16 = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  return isUtf16 ? 'the file is UTF-16: save it as UTF-8' : 'save the file as UTF-8';
}
