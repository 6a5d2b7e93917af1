/** What is wrong with an expression, and where. Bad rules are data: nothing here is thrown. */

/** A part of the expression's text, in UTF-16 code units as `String.slice` counts them. */
export interface Span {
  readonly offset: number;
  readonly length: number;
}

export interface Problem extends Span {
  readonly message: string;
  /** What to write instead, as a sentence without its full stop; '' when nothing is known. */
  readonly hint: string;
}

export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: Problem };

export function problemAt(span: Span, message: string, hint = ''): Problem {
  return { message, offset: span.offset, length: span.length, hint };
}

export function good<T>(value: T): Checked<T> {
  return { ok: true, value };
}

export function bad<T>(span: Span, message: string, hint = ''): Checked<T> {
  return { ok: false, problem: problemAt(span, message, hint) };
}

/** From the start of `first` to the end of `last`. */
export function cover(first: Span, last: Span): Span {
  return { offset: first.offset, length: last.offset + last.length - first.offset };
}
