/** Paths of values, as problems and origins name them: `stacks.shop.plugins[0].config.level`. */

export function join(path: string, key: string): string {
  const name = /^[\w$-]+$/.test(key) ? key : JSON.stringify(key);
  return path === '' ? name : `${path}.${name}`;
}
