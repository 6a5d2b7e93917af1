/** Content types as traffic has them, made fit for a header of our own. */

const UNKNOWN = 'application/octet-stream';
/** Longer ones no store needs; S3 bounds all headers of an object together. */
const LENGTH_MAX = 256;
/** RFC 9110 5.6.2 and 8.3.1: the type alone. */
const TYPE = /^[!#$%&'*+.^_`|~0-9a-z-]+\/[!#$%&'*+.^_`|~0-9a-z-]+/i;
/** What every signer, proxy and server reads alike. */
const PLAIN = /^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/;

/**
 * What the message said where it can be sent on and signed (visible ASCII, single spaces), else its
 * type without parameters, else the type of unknown bytes. One value that a server refuses would
 * keep everything behind it waiting.
 */
export function storableMediaType(contentType: string): string {
  const type = TYPE.exec(contentType)?.[0];
  if (type === undefined || type.length > LENGTH_MAX) return UNKNOWN;
  return contentType.length <= LENGTH_MAX && PLAIN.test(contentType) ? contentType : type;
}
