/**
 * Every counter of the agent: one name, one fact, one sentence. Three words for three facts:
 * `lost` (the kernel could not deliver), `dropped` (the agent decided), `truncated` (cut short).
 * `unlinked` counts egress without a parent; `info` explains, and is no loss.
 *
 * Counters are plain numbers in one Float64Array, so that adding costs nothing and a snapshot can
 * cross threads.
 */

export type Fact = 'lost' | 'dropped' | 'truncated' | 'unlinked' | 'info';

interface Definition {
  readonly fact: Fact;
  readonly help: string;
}

/** Sections in flow order; each stage adds to its own. */
export const DEFINITIONS = {
  // kernel (read from the per-CPU map, see enum event_counter)
  'kernel.events': { fact: 'info', help: 'records written to the ring' },
  'lost.ring_full': { fact: 'info', help: 'records that did not fit into the ring' },
  'lost.connection_map': { fact: 'info', help: 'calls on sockets that found the kernel map full' },
  'lost.cause_map': {
    fact: 'info',
    help: 'linking state that its kernel map refused; a full one forgets the oldest unseen',
  },
  'lost.policy_map': { fact: 'info', help: 'forked processes whose policy found its map full' },
  'lost.unopened': {
    fact: 'lost',
    help: 'exchanges of connections whose open event did not fit into the ring',
  },
  'truncated.fault': { fact: 'info', help: 'user buffers the kernel could not read' },
  'truncated.iovec': { fact: 'info', help: 'calls with more iovecs than are walked' },
  'kernel.skipped_not_http': { fact: 'info', help: 'connections whose first bytes are not HTTP' },
  'kernel.read_unseen': {
    fact: 'info',
    help: 'reads that found bytes gone by splice(); they became a filler then',
  },
  'kernel.cause_taken': { fact: 'info', help: 'egress writes with program state' },
  'kernel.cause_refused': { fact: 'info', help: 'program state that failed its self-check' },
  // discover
  'truncated.proc_files': { fact: 'info', help: 'files under /proc that were not read to the end' },
  'dropped.symbol_tables': { fact: 'info', help: 'symbol tables too large to be read' },
  'dropped.resource_attributes': {
    fact: 'info',
    help: 'resource attributes of processes beyond the limit or malformed',
  },
  'truncated.resource_attributes': { fact: 'info', help: 'resource attributes cut at the limit' },
  'discover.go_text_not_found': {
    fact: 'info',
    help: 'Go programs whose functions lie elsewhere than looked for',
  },
  'discover.executables_forgotten': { fact: 'info', help: 'executables to be looked at again' },
  'discover.haproxy_walks': {
    fact: 'info',
    help: 'HAProxy executables whose structures were found in a running process',
  },
  'discover.haproxy_walks_given_up': {
    fact: 'info',
    help: 'HAProxy executables whose structures were not found, so that their probes stay',
  },
  'discover.resources_forgotten': { fact: 'info', help: 'resources to be read again' },
  'discover.container_lookups': { fact: 'info', help: 'questions to container runtimes' },
  'discover.container_lookups_failed': {
    fact: 'info',
    help: 'questions that a container runtime did not answer in time or at all',
  },
  'discover.containers_forgotten': { fact: 'info', help: 'containers to be asked for again' },
  'dropped.container_lookups': {
    fact: 'info',
    help: 'containers known by their id only because too many were asked for at once',
  },
  'dropped.container_labels': {
    fact: 'info',
    help: 'labels and annotations of containers and pods beyond the limit',
  },
  'truncated.container_labels': {
    fact: 'info',
    help: 'values of labels and annotations cut at the limit',
  },
  // capture
  'capture.damaged_records': {
    fact: 'info',
    help: 'batches that ended at a record of an impossible size',
  },
  'capture.unknown_records': { fact: 'info', help: 'records of a kind that is not known' },
  'capture.bytes': { fact: 'info', help: 'bytes drained from the ring' },
  'capture.unknown_connection': { fact: 'info', help: 'data events whose open event was lost' },
  'lost.unknown_connection': {
    fact: 'lost',
    help: 'exchanges of connections whose open event was lost and whose data was not',
  },
  'dropped.connections': { fact: 'info', help: 'connections forgotten because too many were open' },
  'capture.swept_connections': { fact: 'info', help: 'connections whose close nobody saw' },
  'capture.reports': { fact: 'info', help: 'reports of connections made for event stores' },
  'dropped.reports': {
    fact: 'info',
    help: 'reports of connections that the main thread was too slow for',
  },
  // protocol
  'protocol.exchanges': { fact: 'info', help: 'exchanges that ended' },
  'protocol.interim_responses': { fact: 'info', help: 'responses with a status of 1xx' },
  'protocol.tunnels': { fact: 'info', help: 'connections that went on as 101 or CONNECT tunnels' },
  'protocol.tunnel_bytes': { fact: 'info', help: 'bytes seen in tunnels' },
  'protocol.gaps': { fact: 'info', help: 'holes in the bytes of connections' },
  'protocol.gap_bytes': { fact: 'info', help: 'bytes in those holes' },
  'protocol.late_events': { fact: 'info', help: 'events whose bytes had been passed before' },
  'protocol.resyncs': { fact: 'info', help: 'messages found again behind unknown bytes' },
  'protocol.early_responses': { fact: 'info', help: 'responses recorded before their request' },
  'protocol.early_overflow': { fact: 'info', help: 'such responses that were too large to hold' },
  'protocol.orphan_responses': { fact: 'info', help: 'responses to no request that was seen' },
  'protocol.incomplete_heads': { fact: 'info', help: 'requests whose head never became whole' },
  'protocol.invalid': { fact: 'info', help: 'messages that are not HTTP/1' },
  'protocol.http2_connections': { fact: 'info', help: 'connections that speak HTTP/2' },
  'protocol.ignored_connections': { fact: 'info', help: 'connections given up as not HTTP/1' },
  'truncated.head': { fact: 'info', help: 'message heads that were cut' },
  'truncated.framing': { fact: 'info', help: 'chunked bodies whose framing was not copied' },
  'truncated.body': { fact: 'info', help: 'bodies of which only the beginning was kept' },
  'dropped.unpaired': {
    fact: 'dropped',
    help: 'exchanges whose request and response could not be told apart from others',
  },
  'dropped.pipelined': { fact: 'dropped', help: 'requests beyond the limit of unanswered ones' },
  'dropped.headless': { fact: 'dropped', help: 'requests whose first line was not copied' },
  'dropped.invalid': { fact: 'dropped', help: 'requests that are not HTTP/1' },
  'lost.exchanges': { fact: 'lost', help: 'exchanges of which too much was lost to tell anything' },
  // link
  'link.hops': { fact: 'info', help: 'hops handed on' },
  'link.exact_state': { fact: 'info', help: 'egress linked by program state' },
  'link.exact_order': { fact: 'info', help: 'egress linked by the order of system calls' },
  'link.identifier': { fact: 'info', help: 'egress linked by a unique header value' },
  'link.local': { fact: 'info', help: 'ingress whose client was seen on this host' },
  'link.traceparent': { fact: 'info', help: 'ingress whose parent is named by traceparent' },
  'link.haproxy_walked': {
    fact: 'info',
    help: 'upstream requests of HAProxy whose client its structures named, without a probe',
  },
  'link.haproxy_walk_refuted': {
    fact: 'info',
    help: 'HAProxy executables whose structures and probes named different clients',
  },
  'link.subrequest': { fact: 'info', help: 'egress that is a subrequest' },
  'link.own_request': { fact: 'info', help: 'requests of the program itself, without a parent' },
  'link.ingress_excluded': {
    fact: 'info',
    help: 'egress without a parent because the settings exclude the ingress',
  },
  'link.root_client': { fact: 'info', help: 'requests of programs that serve nothing' },
  'link.own_traffic': { fact: 'info', help: 'exchanges of the agent itself and its collector' },
  'link.late': { fact: 'info', help: 'egress handed on after its hop' },
  'link.contradiction': { fact: 'info', help: 'links refused because the content contradicts' },
  'link.rewritten': {
    fact: 'info',
    help: 'links whose egress has another method or length: the proxy rewrites requests',
  },
  'link.tier_disabled': { fact: 'info', help: 'tiers switched off for one process' },
  'link.local_ambiguous': { fact: 'info', help: 'connections that share one address pair' },
  'link.local_no_ordinal': { fact: 'info', help: 'ingress of unknown number: no local hop' },
  'link.local_contradiction': { fact: 'info', help: 'local ends whose requests differ' },
  'link.local_late': { fact: 'info', help: 'local clients seen after the ingress was handed on' },
  'link.order_forgotten': {
    fact: 'info',
    help: 'requests that the order tier forgot because too many waited',
  },
  'link.identifiers_forgotten': {
    fact: 'info',
    help: 'header values that would count as new again',
  },
  'link.names_ignored': {
    fact: 'info',
    help: 'header fields not considered because too many names were seen',
  },
  'link.traceparent_invalid': { fact: 'info', help: 'traceparent headers that are malformed' },
  'link.traceparent_conflict': { fact: 'info', help: 'requests with differing traceparents' },
  'dropped.exchanges': { fact: 'dropped', help: 'exchanges given up because too many were open' },
  'dropped.native_tracing': {
    fact: 'dropped',
    help: 'exchanges of programs that export spans of their own',
  },
  'unlinked.no_signal': { fact: 'unlinked', help: 'egress about which no tier knows anything' },
  'unlinked.ambiguous': { fact: 'unlinked', help: 'egress with several owners in the program' },
  'unlinked.no_ingress': {
    fact: 'unlinked',
    help: 'egress whose named connection had no request in progress',
  },
  'unlinked.several': {
    fact: 'unlinked',
    help: 'egress whose named connection had several requests in progress',
  },
  'unlinked.gap': { fact: 'unlinked', help: 'egress whose cause may lie in lost bytes' },
  'unlinked.forgotten': { fact: 'unlinked', help: 'egress whose cause may be forgotten' },
  'unlinked.unseen': { fact: 'unlinked', help: 'egress whose named ingress was not seen in time' },
  'unlinked.other_process': {
    fact: 'unlinked',
    help: 'egress whose named connection belongs to another process',
  },
  'unlinked.identifiers_differ': {
    fact: 'unlinked',
    help: 'egress whose headers name several requests in progress',
  },
  'unlinked.contradiction': { fact: 'unlinked', help: 'egress whose link the content refutes' },
  'dropped.handoff': { fact: 'dropped', help: 'exchanges the main thread was too slow for' },
  // store: objects are records, bodies and packs; exchanges are counted by other stages
  'store.objects': { fact: 'info', help: 'objects stored' },
  'store.bytes': { fact: 'info', help: 'bytes of objects stored' },
  'store.existed': { fact: 'info', help: 'objects that the store had already' },
  'store.duplicates': { fact: 'info', help: 'bodies not sent because an equal one was' },
  'store.digests_forgotten': { fact: 'info', help: 'stored bodies that would be sent again' },
  'store.retries': { fact: 'info', help: 'writes of objects that failed and are tried again' },
  'store.denied': { fact: 'info', help: 'writes refused for credentials, rights or the bucket' },
  'store.spooled': { fact: 'info', help: 'objects that waited on disk' },
  'store.spool_full': { fact: 'info', help: 'attempts to spool an object that found no room' },
  'store.spool_failed': { fact: 'info', help: 'times the disk of a spool began to refuse' },
  'store.spool_damaged_bytes': {
    fact: 'info',
    help: 'bytes of spools that could not be read back (torn by a crash, or changed)',
  },
  'store.packs': { fact: 'info', help: 'packs of small objects' },
  'store.packs_recovered': { fact: 'info', help: 'unfinished packs of an earlier process' },
  'store.printed': { fact: 'info', help: 'records printed on standard output' },
  'store.bodies_masked': {
    fact: 'info',
    help: 'bodies under a redaction rule that could not be read, replaced whole',
  },
  'truncated.reported_egress': {
    fact: 'info',
    help: 'records of a hop that sent more requests than they list',
  },
  'store.undecoded': { fact: 'info', help: 'encoded bodies that could not be decoded to be shown' },
  'store.pending_to_disk': { fact: 'info', help: 'bodies of undecided exchanges put on disk' },
  'store.pending_discarded': { fact: 'info', help: 'bodies deleted as their exchange was decided' },
  'store.pending_orphans': {
    fact: 'info',
    help: 'bodies of an earlier process whose exchanges were never decided: deleted',
  },
  'truncated.store_pending': {
    fact: 'info',
    help: 'bodies cut because too much waited to be decided',
  },
  'truncated.store_decoded': { fact: 'info', help: 'decoded bodies shown in part' },
  'dropped.store_queue': { fact: 'info', help: 'objects that found the queue of a store full' },
  'dropped.store_spool_full': { fact: 'info', help: 'objects that found queue and spool full' },
  'dropped.store_spool_failed': {
    fact: 'info',
    help: 'objects that found the queue full and the disk of the spool failing',
  },
  'dropped.store_expired': { fact: 'info', help: 'objects that a store did not take in time' },
  'dropped.store_refused': { fact: 'info', help: 'objects that a store will never take' },
  'dropped.store_too_large': { fact: 'info', help: 'objects beyond the limit of one object' },
  'dropped.store_disk': { fact: 'info', help: 'objects beyond the size of a file store' },
  'dropped.store_stdout': { fact: 'info', help: 'records that standard output was too slow for' },
  'dropped.store_at_exit': { fact: 'info', help: 'objects still waiting at the exit, unspooled' },
  // access logs
  'access.printed': { fact: 'info', help: 'exchanges printed by access_logs or debug' },
  'dropped.access_log': {
    fact: 'info',
    help: 'exchanges of access logs that standard output was too slow for',
  },
  // event stores: what is known of connections, exchanges and objects; nothing in here is a span
  'events.stored': { fact: 'info', help: 'events written or accepted by an event store' },
  'events.retries': { fact: 'info', help: 'batches of events offered again after a failure' },
  'dropped.events_queue': { fact: 'info', help: 'events that found the queue of a store full' },
  'dropped.events_disk': {
    fact: 'info',
    help: 'events that found the queue full because their file could not be written',
  },
  'dropped.events_away': {
    fact: 'info',
    help: 'events that found the queue full because their collector was away',
  },
  'dropped.events_expired': { fact: 'info', help: 'events that a store did not take in time' },
  'dropped.events_refused': { fact: 'info', help: 'events in requests that a collector refused' },
  'dropped.events_rejected': { fact: 'info', help: 'events rejected by a partial success' },
  'dropped.events_stdout': { fact: 'info', help: 'events that standard output was too slow for' },
  'dropped.events_at_exit': { fact: 'info', help: 'events still waiting at the exit' },
  // export
  'export.spans': { fact: 'info', help: 'spans accepted by the collector, or printed' },
  'export.requests': { fact: 'info', help: 'requests sent to the collector' },
  'export.retries': { fact: 'info', help: 'requests to be sent again after a retryable failure' },
  'export.bytes': { fact: 'info', help: 'bytes of export requests before compression' },
  'export.spans_with_loss': { fact: 'info', help: 'spans marked spantap.lost' },
  'export.torn_hops': { fact: 'info', help: 'hops larger than one batch, sent in several' },
  'export.resources_forgotten': { fact: 'info', help: 'resources to be encoded again' },
  // spans of the spool: spooled - unspooled wait, under way included
  'export.spooled': { fact: 'info', help: 'spans put on disk, those found there included' },
  'export.unspooled': { fact: 'info', help: 'spans of these exported or dropped since' },
  'export.spool_found': { fact: 'info', help: 'spans that an earlier process left on disk' },
  'export.spool_full': { fact: 'info', help: 'attempts to spool a request that found no room' },
  'export.spool_failed': { fact: 'info', help: 'times the disk of the spool began to refuse' },
  'export.spool_damaged_bytes': {
    fact: 'info',
    help: 'bytes of the spool that could not be read back (torn by a crash, or changed)',
  },
  'metrics.overflow': {
    fact: 'info',
    help: 'exchanges counted under otel.metric.overflow: their attributes were too many',
  },
  'metrics.unmeasured': {
    fact: 'info',
    help: 'exchanges in no HTTP metric: their end was lost, or was not waited for',
  },
  'metrics.services_forgotten': {
    fact: 'info',
    help: 'services whose HTTP metrics start anew: too many were seen',
  },
  'metrics.pushed_points': { fact: 'info', help: 'metric points that a collector accepted' },
  'metrics.push_failed': { fact: 'info', help: 'requests with metrics that did not arrive' },
  'metrics.rejected_points': { fact: 'info', help: 'metric points in a partial success' },
  'telemetry.refused': {
    fact: 'info',
    help: 'connections and requests that found /metrics, /healthz and /readyz busy',
  },
  'truncated.spans': { fact: 'truncated', help: 'spans marked spantap.truncated' },
  'truncated.attributes': { fact: 'info', help: 'attribute values that were cut' },
  'dropped.attributes': { fact: 'info', help: 'attributes beyond the limit of one span' },
  'rules.decisions_evicted': { fact: 'info', help: 'sampling decisions forgotten for room' },
  'dropped.by_rule': { fact: 'dropped', help: 'exchanges that the rules keep at level none' },
  'dropped.not_sampled': {
    fact: 'dropped',
    help: 'spans not sampled (by the caller or the sampler)',
  },
  'dropped.rate_limited': { fact: 'dropped', help: 'spans beyond sampling.max_per_second' },
  'dropped.export_none': { fact: 'dropped', help: 'spans not exported: OTEL_TRACES_EXPORTER=none' },
  'dropped.export_queue': {
    fact: 'dropped',
    help: 'spans that found the export queue full, and the spool behind it',
  },
  'dropped.spool_damaged': {
    fact: 'dropped',
    help: 'spans of the spool that could not be read back',
  },
  'dropped.export_expired': { fact: 'dropped', help: 'spans the collector did not take in time' },
  'dropped.refused': { fact: 'dropped', help: 'spans in requests that the collector refused' },
  'dropped.rejected': { fact: 'dropped', help: 'spans rejected by a partial success' },
  'dropped.at_exit': {
    fact: 'dropped',
    help: 'spans still waiting at the deadline of the exit, unspooled',
  },
  'dropped.console': { fact: 'dropped', help: 'spans beyond what the console holds' },
} as const satisfies Record<string, Definition>;

export type CounterName = keyof typeof DEFINITIONS;

export const COUNTER_NAMES = Object.keys(DEFINITIONS) as CounterName[];

const INDEX = Object.fromEntries(COUNTER_NAMES.map((name, index) => [name, index])) as Record<
  CounterName,
  number
>;

export class Counters {
  readonly values: Float64Array<ArrayBufferLike>;

  /** `values`: by COUNTER_NAMES, as another thread sent them. */
  constructor(values: Float64Array<ArrayBufferLike> = new Float64Array(COUNTER_NAMES.length)) {
    this.values = values;
  }

  add(name: CounterName, amount = 1): void {
    this.values[INDEX[name]] += amount;
  }

  set(name: CounterName, value: number): void {
    this.values[INDEX[name]] = value;
  }

  get(name: CounterName): number {
    return this.values[INDEX[name]] as number;
  }

  /** Sum of all counters of one fact. */
  total(fact: Fact): number {
    return COUNTER_NAMES.reduce(
      (sum, name) => (DEFINITIONS[name].fact === fact ? sum + this.get(name) : sum),
      0,
    );
  }
}
