/** TLS towards a receiver: the keys of a Collector's `tls`. */
import { boolean, object, optional, type Schema, withDefault } from '../schema.ts';
import { path } from './text.ts';

/** Which servers are trusted; `file` is what a path has to be. */
export function trust(file: Schema<string>) {
  return {
    insecureSkipVerify: withDefault(boolean(), false, 'Accept any certificate of the server.'),
    caFile: optional(
      file,
      'Certificates (PEM) of the authorities to trust instead of the usual ones.',
    ),
  };
}

/** Client side of a TLS connection, the keys of a Collector's `tls`. */
export const clientTls = object(
  {
    insecure: withDefault(boolean(), false, 'Clear text although no scheme says so (gRPC only).'),
    ...trust(path()),
    certFile: optional(path(), 'The client certificate (PEM).'),
    keyFile: optional(path(), 'The private key (PEM) of the client certificate.'),
  },
  {
    check: ({ certFile, keyFile }, report) => {
      if ((certFile === undefined) === (keyFile === undefined)) return;
      const [given, missing] =
        certFile === undefined ? ['key_file', 'cert_file'] : ['cert_file', 'key_file'];
      report('error', given, `${given} without ${missing}`, `a client certificate needs both`);
    },
    unsupported: {
      min_version: 'Node decides which versions of TLS are spoken',
      max_version: 'Node decides which versions of TLS are spoken',
      cipher_suites: 'Node decides which ciphers are used',
      reload_interval: 'files are read at start and when the configuration is read again',
      ca_pem: 'give a file: ca_file',
      cert_pem: 'give a file: cert_file',
      key_pem: 'give a file: key_file',
    },
  },
);
