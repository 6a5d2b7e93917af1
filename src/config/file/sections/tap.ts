/** `tap` and `tags`: which traffic is seen, and what it is called. */
import {
  boolean,
  list,
  object,
  optional,
  required,
  section,
  text,
  withDefault,
  word,
} from '../schema.ts';
import { warnOfExcludedProxy } from './proxies.ts';

const NO_PROTOCOL = 'Qtap captures this protocol, spantap captures HTTP only';
const OFF = {
  why: 'spantap captures HTTP only',
  values: ['{"stack":"none"}', '{"stack":""}', '{}', 'null'],
};
const OTHER_PROTOCOLS = ['redis', 'mysql', 'postgres', 'kafka'];
const otherProtocols = {
  unsupported: Object.fromEntries(OTHER_PROTOCOLS.map((name) => [name, NO_PROTOCOL])),
  ignored: Object.fromEntries(OTHER_PROTOCOLS.map((name) => [name, OFF])),
} as const;

const stackName = optional(text('the name of a stack'), 'A name under `stacks`; `none`: no stack.');

/** Host names as the validator of Qtap takes them (RFC 952 and 1123), and addresses. */
const DOMAIN = /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,62})?(\.[A-Za-z0-9-]{1,63})*$/;

const customFilter = object(
  {
    exe: required(
      text('a path of an executable, or a part of it', { pattern: /./ }),
      'Compared with the path of the executable.',
    ),
    strategy: withDefault(
      word({
        exact: 'the whole path',
        prefix: 'its beginning',
        suffix: 'its end',
        contains: 'any part of it',
        regex: 'RE2, unanchored, case counts',
      }),
      'suffix',
      'How; letter case counts for regex only.',
    ),
    only: withDefault(
      list(word({ data: 'payload', dns: 'DNS', tls: 'TLS', http: 'HTTP' })),
      [],
      'What is left out of these processes; empty: everything.',
    ),
  },
  { check: warnOfExcludedProxy },
);

export const tap = object(
  {
    direction: withDefault(
      word({
        all: 'everything',
        ingress: 'what processes of this host serve',
        egress: 'what they ask for',
        'egress-internal': 'what they ask private addresses for',
        'egress-external': 'what they ask other addresses for',
      }),
      'all',
      'Which side of a connection is captured.',
    ),
    ignoreLoopback: withDefault(boolean(), false, 'Leave out connections over loopback.'),
    auditIncludeDns: withDefault(
      boolean(),
      false,
      'Report connections to name servers in event stores.',
    ),
    http: section(object({ stack: stackName }), 'What happens to HTTP.'),
    endpoints: withDefault(
      list(
        object(
          {
            domain: required(
              text('the name of a host', { pattern: DOMAIN }),
              'Equal to the host of the request.',
            ),
            http: section(object({ stack: stackName }), 'What happens to its HTTP.'),
          },
          otherProtocols,
        ),
      ),
      [],
      'Other stacks for some hosts.',
    ),
    filters: section(
      object({
        groups: withDefault(
          list(
            word(
              {
                'container-runtimes': 'containerd, dockerd, runc',
                eks: 'agents of Amazon EKS and SSM',
                gke: 'agents of Google GKE',
                kubernetes: 'kubelet, kube-proxy and the like',
                qpoint: 'the agent itself (always left out)',
                spantap: 'another name of qpoint',
              },
              { unsupported: { container: 'the group is called container-runtimes' } },
            ),
          ),
          [],
          'Well-known processes to leave out.',
        ),
        custom: withDefault(
          list(customFilter),
          [],
          'Processes to leave out; asked before the groups, the first match decides.',
        ),
      }),
      'Which processes are left out.',
    ),
  },
  {
    ...otherProtocols,
    unsupported: {
      ...otherProtocols.unsupported,
      env_tags: 'tags from the environment are in the section tags, with source: env',
      stack: 'the key is tap.http.stack',
    },
  },
);

export const tags = list(
  object({
    key: required(text('a name', { pattern: /./ }), 'Name of the tag.'),
    source: required(
      word({
        env: 'a variable of the environment of the process',
        'k8s.label': 'a label of its pod',
        'k8s.annotation': 'an annotation of its pod',
        'container.label': 'a label of its container',
      }),
      'Where its value comes from.',
    ),
    location: required(
      text('a name', { pattern: /./ }),
      'The name of the variable, label or annotation.',
    ),
  }),
);
