/**
 * Status and `error.type` of an exchange (semconv http-spans, "Status"): a SERVER fails from 500
 * on, a CLIENT from 400 on, and either when the connection died under the exchange. A request that
 * its caller gave up is no failure of the upstream: the CLIENT span stays unset.
 */
import { ENDS, F64, F64_COLUMNS, FLAG, U32, U32_COLUMNS } from '../handoff/layout.ts';
import { type Block, block } from './attributes.ts';
import { STATUS, type StatusCode } from './types.ts';

const CLOSED = ENDS.indexOf('closed');
const RESET = ENDS.indexOf('reset');
const INVALID = ENDS.indexOf('invalid');

/** By U32.end; what it says about an exchange without a telling status code. */
const ERROR_TYPES: readonly (Block | undefined)[] = ENDS.map((end) => {
  if (end === 'closed') return block({ 'error.type': 'connection_closed' });
  if (end === 'reset') return block({ 'error.type': 'connection_reset' });
  if (end === 'invalid') return block({ 'error.type': 'invalid_message' });
  return undefined;
});

const STATUS_MAX = 1000;
const plain: (Block | undefined)[] = new Array(STATUS_MAX).fill(undefined);
const failed: (Block | undefined)[] = new Array(STATUS_MAX).fill(undefined);

export interface Outcome {
  code: StatusCode;
  /** http.response.status_code, with error.type when that is what failed. */
  status: Block | undefined;
  /** error.type when the status code does not say it. */
  error: Block | undefined;
}

/** Fills `into` for the row that starts at `u` in the words and at `f` in the doubles. */
export function outcomeOf(
  u32: Uint32Array,
  f64: Float64Array,
  u: number,
  f: number,
  into: Outcome,
): void {
  const status = u32[u + U32.status];
  const end = u32[u + U32.end];
  const isClient = (u32[u + U32.flags] & FLAG.client) !== 0;
  const isFailedStatus = status >= (isClient ? 400 : 500);
  into.code = isFailedStatus ? STATUS.error : STATUS.unset;
  into.status = status === 0 ? undefined : statusBlock(status, isFailedStatus);
  into.error = undefined;
  if (isFailedStatus || ERROR_TYPES[end] === undefined) return;
  // Bytes that stop being HTTP after a complete head may be a body that was framed unusually.
  if (end === INVALID && status !== 0) return;
  if (isClient && isCancelled(u32, f64, u, f)) return;
  into.code = STATUS.error;
  into.error = ERROR_TYPES[end];
}

function statusBlock(status: number, isFailed: boolean): Block {
  const cache = isFailed ? failed : plain;
  const known = cache[status];
  if (known !== undefined) return known;
  const created = block({
    'http.response.status_code': status,
    ...(isFailed ? { 'error.type': String(status) } : {}),
  });
  if (status < STATUS_MAX) cache[status] = created;
  return created;
}

/**
 * The ingress of this hop ended first without its response, or was reset by its client. When
 * both connections were closed in the middle of a body it is not known who began: an error.
 */
function isCancelled(u32: Uint32Array, f64: Float64Array, u: number, f: number): boolean {
  const hop = u32[u + U32.hop];
  if (hop === 0) return false;
  let at = u - U32_COLUMNS;
  let times = f - F64_COLUMNS;
  for (; at >= 0 && u32[at + U32.hop] === hop; at -= U32_COLUMNS, times -= F64_COLUMNS) {
    if ((u32[at + U32.flags] & FLAG.client) !== 0) continue;
    const end = u32[at + U32.end];
    if (end !== CLOSED && end !== RESET) return false;
    return (
      end === RESET || u32[at + U32.status] === 0 || f64[times + F64.endNs] <= f64[f + F64.endNs]
    );
  }
  return false;
}
