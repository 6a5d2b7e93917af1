/** A certificate authority, a server and a client certificate for 127.0.0.1, made by openssl. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificates {
  readonly folder: string;
  /** Paths of PEM files. */
  readonly authority: string;
  readonly serverKey: string;
  readonly serverCertificate: string;
  readonly clientKey: string;
  readonly clientCertificate: string;
  remove(): void;
}

export const read = (path: string): Buffer => readFileSync(path);

export function createCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'spantap-tls-'));
  const openssl = (...args: string[]) =>
    execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '2',
    '-subj',
    '/CN=ca',
  );
  for (const name of ['server', 'client']) {
    writeFileSync(join(folder, `${name}.ext`), 'subjectAltName=IP:127.0.0.1\n');
    openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    openssl(
      ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key'],
      ...['-CAcreateserial', '-days', '2', '-extfile', `${name}.ext`, '-out', `${name}.pem`],
    );
  }
  return {
    folder,
    authority: join(folder, 'ca.pem'),
    serverKey: join(folder, 'server.key'),
    serverCertificate: join(folder, 'server.pem'),
    clientKey: join(folder, 'client.key'),
    clientCertificate: join(folder, 'client.pem'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
