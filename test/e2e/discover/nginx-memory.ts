/**
 * The pointers that the kernel side follows when nginx writes a request upstream, read from the
 * outside. Offsets: ngx_connection_t, ngx_http_request_t, ngx_http_upstream_t, ngx_log_t and
 * ngx_http_log_ctx_t of nginx 1.18 to 1.28 with the HTTP cache, as all packages have it; without
 * it the upstream stands at 0x40.
 */
import { closeSync, openSync, readSync } from 'node:fs';

export interface UpstreamChain {
  /** First word of the request: "HTTP" as an integer. */
  readonly signature: number;
  readonly request: number;
  /** The connection that the request's upstream names. */
  readonly peerConnection: number;
  readonly clientFd: number;
  /** The request that the client sent, from the log context of its connection. */
  readonly mainRequest: number;
}

/** Follows the pointers from an upstream's ngx_connection_t. */
export function readUpstreamChain(pid: number, connection: number): UpstreamChain {
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  const word = (address: number) => {
    const bytes = Buffer.alloc(8);
    readSync(memory, bytes, 0, 8, address);
    return bytes;
  };
  const pointer = (address: number) => Number(word(address).readBigUInt64LE());
  try {
    const request = pointer(connection);
    const upstream = pointer(request + 0x48);
    const client = pointer(request + 0x08);
    const log = pointer(client + 0x50);
    return {
      signature: word(request).readUInt32LE(),
      request,
      peerConnection: pointer(upstream + 0x10),
      clientFd: word(client + 0x18).readInt32LE(),
      mainRequest: pointer(pointer(log + 0x28) + 0x08),
    };
  } finally {
    closeSync(memory);
  }
}
