/** From the path of a setting, `otel.tls.ca_file`, to where it is in the typed configuration. */
import { type Field, keyOf } from './schema.ts';
import { root } from './sections/root.ts';

export interface Place {
  /** `['otel', 'tls', 'caFile']` */
  readonly properties: readonly string[];
  readonly field: Field<unknown>;
}

/** undefined for what is no setting by itself, such as an item of a list. */
function findPlace(path: string): Place | undefined {
  const properties: string[] = [];
  let object: Field<unknown>['schema'] = root;
  let field: Field<unknown> | undefined;
  for (const key of path.split('.')) {
    const fields: Readonly<Record<string, Field<unknown>>> =
      object.kind === 'object' ? object.fields : {};
    const property = Object.keys(fields).find((name) => keyOf(name) === key) ?? '';
    field = fields[property];
    if (field === undefined) return undefined;
    properties.push(property);
    object = field.schema;
  }
  return field === undefined ? undefined : { properties, field };
}

/** @throws Error for a path that the description does not have (a mistake of the code) */
export function placeOf(path: string): Place {
  const place = findPlace(path);
  if (place === undefined) throw new Error(`no setting ${path}`);
  return place;
}

export function valueAt(config: unknown, path: string): unknown {
  let value = config;
  for (const property of placeOf(path).properties) {
    value = (value as Record<string, unknown>)[property];
  }
  return value;
}

/** Changes the configuration in place. */
export function setAt(config: unknown, path: string, value: unknown): void {
  const { properties } = placeOf(path);
  let holder = config;
  for (const property of properties.slice(0, -1)) {
    holder = (holder as Record<string, unknown>)[property];
  }
  (holder as Record<string, unknown>)[properties[properties.length - 1] ?? ''] = value;
}
