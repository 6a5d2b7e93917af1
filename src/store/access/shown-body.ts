/** A body as access logs show it: decoded text, or the word that it is none. */
import { limits } from '../../config/limits.ts';
import type { Counters } from '../../telemetry/counters.ts';
import { codingsOf, decodeBody, textOfBody } from '../decode-body.ts';
import type { MessageInput } from '../record-input.ts';

export interface ShownBody {
  /** undefined: binary, or not decoded. */
  readonly text: string | undefined;
  /** `text` is only the beginning. */
  readonly isCut: boolean;
}

/** undefined: there is no body, or it is not at hand (not kept, or larger than what crosses). */
export async function showBody(
  { headers, contentType, body }: MessageInput,
  counters: Counters,
): Promise<ShownBody | undefined> {
  if (body === undefined || body.bytes.length === 0) return undefined;
  const { decodedBytesMax = limits.decodedBodyBytesMax } = body;
  const codingsMax = limits.contentCodingsMax;
  const codings = body.isRedacted ? [] : codingsOf(headers);
  const decoded = await decodeBody(body.bytes, codings, { decodedBytesMax, codingsMax });
  if (decoded.kind === 'failed') {
    counters.add('store.undecoded');
    return { text: undefined, isCut: body.isTruncated };
  }
  if (decoded.isCut && !body.isTruncated) counters.add('truncated.store_decoded');
  const isCut = decoded.isCut || body.isTruncated;
  return { text: textOfBody(decoded.bytes, contentType, isCut), isCut };
}
