/** The part of JSON Schema (2020-12) that the schema of the file uses. */

type Json = Readonly<Record<string, unknown>>;

/** Where and why `value` does not fit; empty when it does. */
export function violations(schema: Json, value: unknown, at = '$'): string[] {
  return [
    ...typeViolations(schema, value, at),
    ...valueViolations(schema, value, at),
    ...objectViolations(schema, value, at),
    ...arrayViolations(schema, value, at),
    ...combinedViolations(schema, value, at),
  ];
}

function fits(schema: unknown, value: unknown): boolean {
  return violations(schema as Json, value).length === 0;
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

function typeViolations({ type }: Json, value: unknown, at: string): string[] {
  const types = type === undefined ? [] : [type].flat();
  const isInteger = types.includes('integer') && Number.isInteger(value);
  if (types.length === 0 || types.includes(typeOf(value)) || isInteger) return [];
  return [`${at}: ${typeOf(value)} is not ${types.join(' or ')}`];
}

function valueViolations(schema: Json, value: unknown, at: string): string[] {
  const { pattern, minimum, maximum } = schema;
  const found: string[] = [];
  const json = (item: unknown) => JSON.stringify(item);
  if (Array.isArray(schema.enum) && !schema.enum.some((item) => json(item) === json(value))) {
    found.push(`${at}: ${json(value)} is not one of ${json(schema.enum)}`);
  }
  if ('const' in schema && json(schema.const) !== json(value)) found.push(`${at}: not constant`);
  if (
    typeof value === 'string' &&
    typeof pattern === 'string' &&
    !new RegExp(pattern).test(value)
  ) {
    found.push(`${at}: "${value}" does not match ${pattern}`);
  }
  if (typeof value === 'number' && (value < Number(minimum) || value > Number(maximum))) {
    found.push(`${at}: ${value} is out of range`);
  }
  return found;
}

function objectViolations(schema: Json, value: unknown, at: string): string[] {
  if (typeOf(value) !== 'object') return [];
  const given = value as Json;
  const { required = [], properties = {}, patternProperties = {} } = schema;
  const missing = (required as string[]).filter((key) => !(key in given));
  const found = missing.map((key) => `${at}: ${key} is missing`);
  for (const [key, item] of Object.entries(given)) {
    const patterns = Object.keys(patternProperties as Json);
    const known = (properties as Json)[key];
    const isFree = patterns.some((text) => new RegExp(text).test(key));
    const other = isFree ? true : (schema.additionalProperties ?? true);
    if (known !== undefined) found.push(...violations(known as Json, item, `${at}.${key}`));
    else if (other === false) found.push(`${at}: unknown key ${key}`);
    else if (other !== true) found.push(...violations(other as Json, item, `${at}.${key}`));
  }
  return found;
}

function arrayViolations({ items, minItems }: Json, value: unknown, at: string): string[] {
  if (!Array.isArray(value)) return [];
  const few = value.length < Number(minItems ?? 0) ? [`${at}: too few`] : [];
  return [
    ...few,
    ...value.flatMap((item, i) => violations((items ?? {}) as Json, item, `${at}[${i}]`)),
  ];
}

function combinedViolations(schema: Json, value: unknown, at: string): string[] {
  const found: string[] = [];
  if (Array.isArray(schema.anyOf) && !schema.anyOf.some((one) => fits(one, value))) {
    found.push(`${at}: none of the forms fits`);
  }
  for (const one of (schema.allOf ?? []) as Json[]) found.push(...violations(one, value, at));
  if (schema.if !== undefined && fits(schema.if, value)) {
    found.push(...violations(schema.then as Json, value, at));
  }
  return found;
}
