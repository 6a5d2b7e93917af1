/**
 * Every bound of the agent, in one place. Each has a counter that moves when it is reached and a
 * test that reaches it. What each limit protects is said beside it.
 */
export const limits = {
  /** Kernel ring: 16 MiB hold about 200 ms of 50 000 proxied requests/s. Full: `lost.ring_full`. */
  ringBytes: 16 * 1024 * 1024,
  /** Bytes copied after each direction turn so that heads arrive whole. Beyond: `truncated.head`. */
  headBytesMax: 16 * 1024,
  /** Sockets known to the kernel side. Full: `lost.connection_map`. */
  kernelConnectionsMax: 65_536,
  /** Connections held by the capture worker. Beyond: oldest idle one goes, `dropped.connections`. */
  connectionsMax: 100_000,
  /** Requests waiting for their response on one connection. Beyond: `dropped.pipelined`. */
  pipelinedMax: 64,
  /** Body bytes kept for later stages per message; 0 at level summary. Beyond: `truncated.body`. */
  bodyBytesMax: 0,
  /** Exchanges held by the linker until their hop is finished. Beyond: `dropped.exchanges`. */
  openExchangesMax: 65_536,
  /** How long a finished ingress waits for its egress and for what is above it. Then: `link.late`. */
  hopWaitMs: 1_000,
  /** How long a finished egress waits for the end of its ingress (streams, tunnels). */
  egressWaitMs: 5_000,
  /** How long an egress waits for events of the ingress that caused it. Then: `unlinked.unseen`. */
  linkWaitMs: 250,
  /** Spans waiting for export, and their encoded bytes. Beyond: `dropped.export_queue`. */
  exportQueueSpansMax: 65_536,
  exportQueueBytesMax: 48 * 1024 * 1024,
  /** One export request. Receivers commonly accept 4 MiB over gRPC. */
  exportBatchSpansMax: 512,
  exportBatchBytesMax: 2 * 1024 * 1024,
  /** Value of one string attribute; longer ones are cut, `truncated.attributes`. */
  attributeBytesMax: 2_048,
} as const;
