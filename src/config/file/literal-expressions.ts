/**
 * `expr: !is_backup() && ...` of the guides is no YAML: a plain scalar cannot begin with `!`. It is
 * taken literally all the same. The text is replaced by as many letters as it has, so that every
 * position stays what it is, and given back when the value is read.
 */

export interface LiteralExpression {
  /** Offset in the file of its first letter. */
  readonly start: number;
  readonly text: string;
}

/** `!!str x` is YAML that says what it means; `#` after a space begins a comment. */
const LITERAL = /^([ \t]*(?:-[ \t]+)?expr:[ \t]+)(!(?!!str[ \t])(?:[^#\r\n]|(?<![ \t])#)*)/gm;

export function liftLiterals(source: string): {
  readonly yaml: string;
  readonly literals: readonly LiteralExpression[];
} {
  const literals: LiteralExpression[] = [];
  const yaml = source.replace(LITERAL, (_, before: string, rest: string, offset: number) => {
    const text = rest.trimEnd();
    literals.push({ start: offset + before.length, text });
    return `${before}${'x'.repeat(text.length)}${rest.slice(text.length)}`;
  });
  return { yaml, literals };
}

/** As it has to be written. */
export function quoted(expression: string): string {
  return `'${expression.replaceAll("'", "''")}'`;
}
