/** What the proxy did with a request, for people: a line for each thing that differs. */
import type { HeadersReport, MessageReport, PathReport } from './message.ts';
import type { ChangeReport, EgressReport } from './report.ts';

const UNKNOWN_BODY = 'unknown, not all bytes were seen';

export function linesOf({ own_ms, request, response, egress, egress_more }: ChangeReport) {
  const differences = [
    ...(request === undefined ? [] : messageLines('Request', request)),
    ...(response === undefined ? [] : messageLines('Response', response)),
  ];
  const isSame = request !== undefined && differences.length === 0;
  return [
    ...(own_ms === undefined ? [] : [`Own Time: ${own_ms}ms`]),
    ...(isSame ? ['Nothing'] : differences),
    ...(egress ?? []).map(egressLine),
    ...(egress_more === undefined ? [] : [`and ${egress_more} more requests`]),
  ];
}

function messageLines(title: string, message: MessageReport): string[] {
  const { method, path, query, host, status, headers, body, unknown } = message;
  return [
    ...arrow('Method', method),
    ...(path === undefined ? [] : [pathLine(path)]),
    ...arrow('Query', query),
    ...arrow('Host', host),
    ...arrow('Status', status),
    ...(headers === undefined ? [] : headerLines(title, headers)),
    ...(body === undefined
      ? []
      : [`${title} Body: ${body.from_bytes} bytes → ${body.to_bytes} bytes`]),
    ...(unknown ?? []).map((part) => unknownLine(title, part)),
  ];
}

function arrow(name: string, sides: { from: unknown; to: unknown } | undefined): string[] {
  if (sides === undefined) return [];
  return [`${name}: ${sides.from || 'none'} → ${sides.to || 'none'}`];
}

function pathLine({ from, to, prefix_stripped, prefix_added }: PathReport): string {
  const line = `Path: ${from} → ${to}`;
  if (prefix_stripped !== undefined) return `${line} (prefix ${prefix_stripped} stripped)`;
  return prefix_added === undefined ? line : `${line} (prefix ${prefix_added} added)`;
}

function headerLines(title: string, { added, removed, changed }: HeadersReport): string[] {
  return [
    ...(added ?? []).map(([name, value]) => `${title} Header Added: ${name}: ${value}`),
    ...(removed ?? []).map(([name, value]) => `${title} Header Removed: ${name}: ${value}`),
    ...(changed ?? []).map(
      ({ name, from, to }) =>
        `${title} Header Changed: ${name}: ${from.join(', ')} → ${to.join(', ')}`,
    ),
  ];
}

function unknownLine(title: string, part: string): string {
  if (part === 'body') return `${title} Body: ${UNKNOWN_BODY}`;
  if (part === 'status') return 'Status: unknown, not both were seen';
  if (part === 'host') return 'Host: unknown, a head was cut or not seen';
  return `${title} ${part === 'line' ? 'Line' : 'Headers'}: unknown, a head was cut or not seen`;
}

function egressLine({ role, method, target, server, status, end, duration_ms }: EgressReport) {
  const title = `${role.charAt(0).toUpperCase()}${role.slice(1)}`;
  const outcome = status ?? `none (${end})`;
  const duration = duration_ms === undefined ? '' : ` ${duration_ms}ms`;
  return `${title}: ${method} ${target} > ${server} ${outcome}${duration}`;
}
