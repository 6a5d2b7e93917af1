/**
 * How long a message body is: RFC 9112 section 6.3, its eight cases by number.
 */
import { type HeadScan, LENGTH_ABSENT, LENGTH_INVALID } from './head-scan.ts';

/** A length in bytes (0: no body), or one of the negative constants below. */
export type Framing = number;
export const CHUNKED = -1;
export const UNTIL_CLOSE = -2;
/** The message's length cannot be known: nothing on the stream after its head can be trusted. */
export const INVALID = -3;

/**
 * Framing of a request. Case 3: with both fields, Transfer-Encoding wins. 4: a coding whose last
 * is not chunked is an error (400). 5: differing lengths are one too. 6: the length. 7: none.
 * HTTP/1.0 knows no Transfer-Encoding: its framing is faulty then (RFC 9112 6.1).
 */
export function requestFraming(scan: HeadScan, isHttp10: boolean): Framing {
  if (scan.hasSpacedName) return INVALID;
  if (scan.transferCoding !== 'none') {
    return scan.transferCoding === 'final' && !isHttp10 ? CHUNKED : INVALID;
  }
  if (scan.contentLength === LENGTH_INVALID) return INVALID;
  return scan.contentLength === LENGTH_ABSENT ? 0 : scan.contentLength;
}

/**
 * Framing of a response to `method` (2xx to CONNECT and 101 never get here: case 2). Case 1: no
 * body by HEAD or status. 3, 4: Transfer-Encoding wins; last chunked, or until close. 5: differing
 * lengths are an error. 6: the length. 8: until close. A HTTP/1.0 response with Transfer-Encoding
 * is faulty (6.1), its connection must close after it: until close.
 */
export function responseFraming(
  scan: HeadScan,
  method: string,
  status: number,
  isHttp10: boolean,
): Framing {
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return 0;
  if (scan.transferCoding !== 'none') {
    return scan.transferCoding === 'final' && !isHttp10 ? CHUNKED : UNTIL_CLOSE;
  }
  if (scan.contentLength === LENGTH_INVALID) return INVALID;
  return scan.contentLength === LENGTH_ABSENT ? UNTIL_CLOSE : scan.contentLength;
}
