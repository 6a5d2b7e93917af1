/** `access_url` of object stores. */

type Report = (severity: 'error' | 'warning', key: string, message: string, hint?: string) => void;

const KNOWN = ['SCHEME', 'ENDPOINT', 'BUCKET', 'DIGEST', 'SHA256'];

/** As in Qtap, what is not known stays in the URL. */
export function checkAccessUrl(template: string | undefined, report: Report): void {
  const unknown = [...(template ?? '').matchAll(/\{\{(.*?)\}\}/g)].find(
    ([, name = '']) => !KNOWN.includes(name),
  );
  if (unknown === undefined) return;
  const hint = `filled in are ${KNOWN.map((name) => `{{${name}}}`).join(', ')}`;
  report('warning', 'access_url', `${unknown[0]} is not filled in`, hint);
}
