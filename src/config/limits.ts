/**
 * Every bound of the agent, in one place. Each has a counter that moves when it is reached and a
 * test that reaches it. What each limit protects is said beside it.
 */
export const limits = {
  /**
   * Rings of all CPUs together, a share for each possible CPU but at most 4 MiB on older kernels (a
   * map's value): at 50 000 proxied requests/s (4 events of some 500 bytes) on one CPU of two it has
   * 80 ms until it is full. All of it counts in our RSS. Full: `lost.ring_full`.
   */
  ringBytes: 16 * 1024 * 1024,
  /**
   * Ring of one CPU, whatever that makes of the sum: from 64 possible CPUs on. Each has 32 KiB of
   * slack besides. Below, one poll's worth of a busy CPU would not fit.
   */
  ringBytesMin: 256 * 1024,
  /** Records taken from the rings that wait for a worker that is behind. Beyond: the rings fill. */
  backlogBytesMax: 48 * 1024 * 1024,
  /** Bytes copied after each direction turn so that heads arrive whole. Beyond: `truncated.head`. */
  headBytesMax: 16 * 1024,
  /** Sockets known to the kernel side. Full: `lost.connection_map`. */
  kernelConnectionsMax: 65_536,
  /**
   * Between two looks for sockets that ended unseen (dup2, close_range, a close while another
   * thread read). One takes 5 to 20 ms of the capture worker: `capture.swept_connections`.
   */
  sweepIntervalMs: 30_000,
  /** Connections held by the capture worker. Beyond: oldest idle one goes, `dropped.connections`. */
  connectionsMax: 100_000,
  /** Reports of connections that the main thread may be behind. Beyond: `dropped.reports`. */
  reportsUnderWayMax: 16_384,
  /** Requests waiting for their response on one connection. Beyond: `dropped.pipelined`. */
  pipelinedMax: 64,
  /** Such requests in line without an exchange. Beyond: `protocol.ignored_connections`. */
  pipelinedGhostsMax: 4_096,
  /** Invalid messages on one connection. Beyond: `protocol.ignored_connections`. */
  invalidMessagesMax: 16,
  /** Response bytes of one connection recorded before their request. Beyond: `protocol.early_overflow`. */
  heldResponseBytesMax: 64 * 1024,
  /** A send is recorded at its return: how much later than its effects that may be. */
  recordDelayMs: 10,
  /**
   * Body bytes kept per message at level full, none below it, where the configuration says nothing
   * else; and the most that it can say. Beyond: `truncated.body`.
   */
  bodyBytesMax: 64 * 1024,
  bodyBytesCeiling: 16 * 1024 * 1024,
  /** A body that crosses with its row; larger ones cross when they are asked for. */
  inlineBodyBytesMax: 64 * 1024,
  /** Bodies that cross at once for who asked for them; the others wait. */
  bodyReadBytesMax: 16 * 1024 * 1024,
  /** Exchanges held by the linker until their hop is finished. Beyond: `dropped.exchanges`. */
  openExchangesMax: 65_536,
  /** How long a finished ingress waits for its egress and for what is above it. Then: `link.late`. */
  hopWaitMs: 1_000,
  /** How long a finished egress waits for the end of its ingress (streams, tunnels). */
  egressWaitMs: 5_000,
  /** How long a finished ingress waits for an egress whose write may be recorded after it. */
  lateEgressMs: 50,
  /** How long the first exchange of a connection waits for the record of its client's write. */
  lateClientMs: 50,
  /** How long an egress waits for events of the ingress that caused it. Then: `unlinked.unseen`. */
  linkWaitMs: 250,
  /** Batches (512 exchanges) the main thread may be behind. Beyond: `dropped.handoff`. */
  handoffBatchesMax: 64,
  /**
   * Spans waiting for export in memory, and their encoded bytes. Beyond they go to the spool where
   * there is one (`export.spooled`), else, or when it is full: `dropped.export_queue`.
   */
  exportQueueSpansMax: 65_536,
  exportQueueBytesMax: 48 * 1024 * 1024,
  /** One export request. Receivers commonly accept 4 MiB over gRPC. */
  exportBatchSpansMax: 512,
  exportBatchBytesMax: 2 * 1024 * 1024,
  /** Export requests under way at once; the queue waits behind them. */
  exportRequestsMax: 4,
  /** How long a batch in memory is offered again, then `dropped.export_expired`. */
  exportRetryMs: 300_000,
  /** Response of a collector. Larger: the request counts as refused, `dropped.refused`. */
  exportResponseBytesMax: 4 * 1024 * 1024,
  /**
   * Objects (records, bodies) in memory on their way to one store. Beyond, and with no room in the
   * spool: `dropped.store_queue`.
   */
  storeQueueBytesMax: 64 * 1024 * 1024,
  /** Writes to one store under way at once; the queue waits behind them. */
  storeRequestsMax: 8,
  /** One write. Then it counts as failed and is tried again, `store.retries`. */
  storeRequestTimeoutMs: 30_000,
  /** What was not stored or exported after this time goes to a spool: what kill -9 can take. */
  spoolDelayMs: 100,
  /** Spool of one store on disk. Beyond: `store.spool_full`, then `dropped.store_spool_full`. */
  storeSpoolBytesMax: 4 * 1024 * 1024 * 1024,
  /** Files of any spool, and one of them. No room: `store.spool_full`, `export.spool_full`. */
  spoolSegmentsMax: 1_024,
  spoolSegmentBytes: 8 * 1024 * 1024,
  /** Of it in memory, not written yet: a disk that does not keep up. Beyond: the same counters. */
  spoolBufferBytesMax: 16 * 1024 * 1024,
  /** One object. Larger: `dropped.store_too_large`. */
  storeObjectBytesMax: 64 * 1024 * 1024,
  /** How long an object is offered again. Then: `dropped.store_expired`. */
  storeRetryMs: 24 * 3_600_000,
  /** Bodies remembered as stored. Beyond: the oldest is stored again, `store.digests_forgotten`. */
  storeDigestsMax: 16_384,
  /** Bodies of undecided exchanges in memory. Beyond they go to disk, `store.pending_to_disk`. */
  pendingBodyMemoryBytesMax: 64 * 1024 * 1024,
  /** Of that memory, what waits for a disk that does not keep up. Beyond, cut: the same counter. */
  pendingBodyWriteBytesMax: 8 * 1024 * 1024,
  /** Of them on disk, with those on their way there. Beyond, cut: `truncated.store_pending`. */
  pendingBodyDiskBytesMax: 1024 * 1024 * 1024,
  pendingBodyFilesMax: 16_384,
  /** One decoded body in text output. Beyond, cut and said so: `truncated.store_decoded`. */
  decodedBodyBytesMax: 1024 * 1024,
  /**
   * Content codings of one body that are undone. More: shown as binary, `store.undecoded`; under a
   * redaction rule masked, `store.bodies_masked`.
   */
  contentCodingsMax: 8,
  /**
   * Records, events and access logs waiting for standard output. Beyond: `dropped.store_stdout`,
   * `dropped.events_stdout`, `dropped.access_log`.
   */
  stdoutQueueBytesMax: 16 * 1024 * 1024,
  /** Services with HTTP metrics. Beyond: the longest idle one goes, `metrics.services_forgotten`. */
  metricServicesMax: 512,
  /**
   * Attribute sets of one service's HTTP metrics (the SDK's default), and of all services: three or
   * four histograms each. Beyond: `otel.metric.overflow`, counted as `metrics.overflow`.
   */
  metricSeriesMax: 2_000,
  metricAllSeriesMax: 8_000,
  /** Points of one request with metrics: some 2 MiB. More go into the next one. */
  metricRequestPointsMax: 2_000,
  /** Connections to /metrics, /healthz and /readyz. Beyond: `telemetry.refused`. */
  endpointConnectionsMax: 32,
  /** Of them, requests answered at a time. Beyond: 503, `telemetry.refused`. */
  endpointRequestsMax: 8,
  /** One request and its answer. Then its connection is closed. */
  endpointTimeoutMs: 10_000,
  /**
   * Events (connections, exchanges, objects) waiting for one event store, and their encoded bytes.
   * Beyond: `dropped.events_queue`, or `_disk`, `_away` while the store fails.
   */
  eventQueueMax: 16_384,
  eventQueueBytesMax: 16 * 1024 * 1024,
  /** One request to a collector, one write to a file. */
  eventBatchMax: 512,
  eventBatchBytesMax: 2 * 1024 * 1024,
  /** How long a batch of events is offered again, then `dropped.events_expired`. */
  eventRetryMs: 300_000,
  /** Value of one string attribute; longer ones are cut, `truncated.attributes`. */
  attributeBytesMax: 2_048,
  /** Attributes of one span (OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT). Beyond: `dropped.attributes`. */
  attributesMax: 128,
  /** Sampling decisions remembered by trace. Beyond: the oldest goes, `rules.decisions_evicted`. */
  samplerTracesMax: 16_384,
  /** Trees and spans that the console holds until they are quiet. Beyond: `dropped.console`. */
  consoleTracesMax: 1_000,
  consoleSpansMax: 10_000,
  /** One file under /proc; a table of 200 000 sockets is 30 MB. Beyond: `truncated.proc_files`. */
  procFileBytesMax: 32 * 1024 * 1024,
  /** Symbols with their names of one executable. Beyond, not read: `dropped.symbol_tables`. */
  symbolTableBytesMax: 32 * 1024 * 1024,
  /** Function names of a Go binary (3 MB in Caddy). Beyond, not read: `dropped.symbol_tables`. */
  goNamesBytesMax: 64 * 1024 * 1024,
  /**
   * How far behind the start of .text Go's own code is looked for when a C linker joined them.
   * Beyond: `discover.go_text_not_found`, no exact.state.
   */
  goTextSearchBytes: 64 * 1024,
  /** Executables whose symbols are remembered. Beyond: `discover.executables_forgotten`. */
  executablesMax: 1_024,
  /**
   * Looks into the memory of the processes of one HAProxy executable, one a second while they have
   * connections, some milliseconds each. Beyond: its probes stay, `discover.haproxy_walks_given_up`.
   */
  haproxyLooksMax: 600,
  /** HAProxy executables that are linked without probes: HAPROXY_WALKS less one. Beyond: the same. */
  haproxyWalksMax: 31,
  /** Resources of observed processes. Beyond: `discover.resources_forgotten`. */
  resourcesMax: 8_192,
  /** Containers whose names and labels are remembered. Beyond: `discover.containers_forgotten`. */
  containersMax: 4_096,
  /** Questions to container runtimes under way at once; the others wait behind them. */
  containerLookupsMax: 8,
  /** Beyond, the container stays known by its id only: `dropped.container_lookups`. */
  containerLookupsWaitingMax: 1_024,
  /** One question, and its answer. Beyond: `discover.container_lookups_failed`, and another try. */
  containerLookupTimeoutMs: 2_000,
  containerAnswerBytesMax: 4 * 1024 * 1024,
  /** Labels of a container or pod, and annotations. Beyond: `dropped.container_labels`. */
  containerLabelsMax: 128,
  /** Value of one. Longer ones are cut: `truncated.container_labels`. */
  containerLabelBytesMax: 4_096,
  /** Attributes taken from OTEL_RESOURCE_ATTRIBUTES. Beyond: `dropped.resource_attributes`. */
  resourceAttributesMax: 128,
  /** Variables of nginx, and bytes of one, read from its memory. Beyond: the same counter. */
  environmentVariablesMax: 4_096,
  environmentVariableBytesMax: 8_192,
  /**
   * One rule expression: UTF-16 code units, nesting of parentheses, calls and `not`, elements of a
   * list, characters of a pattern and states it compiles to (matching takes states times bytes at
   * worst). Beyond: the expression is a configuration error.
   */
  ruleExpressionMax: 16_384,
  ruleDepthMax: 64,
  ruleListMax: 1_024,
  rulePatternMax: 1_024,
  rulePatternProgramMax: 1_000,
  /** Macros of a file; each may call those before it. Beyond: a configuration error. */
  ruleMacrosMax: 512,
  /** Nesting of JSON under a redaction rule. Beyond: the body is masked whole. */
  redactionDepthMax: 128,
  /** Requests of one hop that its records list. Beyond: `truncated.reported_egress`. */
  reportedEgressMax: 32,
} as const;
