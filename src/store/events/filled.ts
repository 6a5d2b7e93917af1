/** Objects without what is not known: undefined, '' and empty lists are left out. */

export function filled<T>(fields: Readonly<Record<string, T | undefined>>): Record<string, T> {
  const known: Record<string, T> = {};
  for (const name in fields) {
    const value = fields[name];
    if (value === undefined || value === '') continue;
    if (Array.isArray(value) && value.length === 0) continue;
    known[name] = value;
  }
  return known;
}
