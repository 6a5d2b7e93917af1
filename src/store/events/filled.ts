/** Objects without what is not known: undefined, '' and empty lists are left out. */

export function filled<T>(fields: Readonly<Record<string, T | undefined>>): Record<string, T> {
  const isFilled = ([, value]: [string, T | undefined]): boolean =>
    value !== undefined && value !== '' && !(Array.isArray(value) && value.length === 0);
  return Object.fromEntries(Object.entries(fields).filter(isFilled)) as Record<string, T>;
}
