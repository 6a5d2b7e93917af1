/** The parts of an image reference: `registry:5000/shop/api:1.2@sha256:...`. */

export interface ImageName {
  /** Without tag and digest. */
  readonly name: string;
  /** '' when the reference has none. */
  readonly tag: string;
}

export function parseImage(reference: string): ImageName {
  const [whole] = reference.split('@', 1);
  const colon = whole.lastIndexOf(':');
  // A colon before the last slash is that of a port.
  if (colon < 0 || whole.indexOf('/', colon) >= 0) return { name: whole, tag: '' };
  return { name: whole.slice(0, colon), tag: whole.slice(colon + 1) };
}
