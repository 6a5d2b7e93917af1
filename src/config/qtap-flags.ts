/** Flags of Qtap that spantap does not have, and what there is instead. */

const PASSIVE = 'spantap is passive: it changes no traffic and no certificates';
const NO_SERVICE = 'spantap takes its configuration from a file: --config FILE';

export const QTAP_FLAGS: Readonly<Record<string, string>> = {
  tags: 'the section tags of the file',
  'data-dir': 'keys of the file: directory of stores and spools',
  'log-caller': 'spantap does not log where in its code a line comes from',
  'bpf-trace': 'spantap doctor PID says what is seen of a process',
  'tls-probes': 'TLS is not captured yet',
  'http-buffer-size': 'limits.body_size of the file',
  'docker-socket-endpoint': 'the environment variable DOCKER_SOCKET',
  'containerd-socket-endpoint': 'the environment variable CONTAINERD_SOCKET',
  'cri-runtime-socket-endpoint': 'the environment variable CRI_RUNTIME_SOCKET',
  'httpd-listen': 'telemetry.endpoint of the file',
  'status-listen': 'telemetry.endpoint of the file',
  'enable-dev-tools': 'spantap without a collector prints traces as trees',
  'registration-token': NO_SERVICE,
  'registration-endpoint': NO_SERVICE,
  'enable-egress-controller': PASSIVE,
  'cert-injection': PASSIVE,
  'set-tls-ok': PASSIVE,
  'san-cert-max-size': PASSIVE,
  'audit-log-buffer-size': 'it has no effect in Qtap either: leave it out',
};
