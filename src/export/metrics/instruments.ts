/**
 * The metrics of HTTP exchanges: names, units and boundaries of the semantic conventions (1.45,
 * http-metrics), and one of our own. Documented in docs/metrics.md.
 */
import type { HistogramDefinition } from './types.ts';

/** Advised by the conventions for durations. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** The conventions advise none: empty, then from a small answer to a large download. */
const BYTES = [0, 128, 512, 2_048, 8_192, 32_768, 131_072, 524_288, 2_097_152, 8_388_608];

/** A proxy takes some 50 us for itself; milliseconds are worth looking at. */
const OWN_SECONDS = [
  0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
  5, 10,
];

function seconds(name: string, description: string, bounds = SECONDS): HistogramDefinition {
  return { kind: 'histogram', name, description, unit: 's', bounds };
}

function bytes(name: string, description: string): HistogramDefinition {
  return { kind: 'histogram', name, description, unit: 'By', bounds: BYTES };
}

export interface Instruments {
  readonly duration: HistogramDefinition;
  readonly requestSize: HistogramDefinition;
  readonly responseSize: HistogramDefinition;
  /** Of hops: what a server does besides waiting for those it asks itself. */
  readonly own?: HistogramDefinition;
}

export const SERVER: Instruments = {
  duration: seconds('http.server.request.duration', 'Duration of HTTP server requests.'),
  requestSize: bytes('http.server.request.body.size', 'Size of HTTP server request bodies.'),
  responseSize: bytes('http.server.response.body.size', 'Size of HTTP server response bodies.'),
  own: seconds(
    'spantap.proxy.own.duration',
    'Duration of HTTP server requests less the time in which the requests that they caused were under way.',
    OWN_SECONDS,
  ),
};

export const CLIENT: Instruments = {
  duration: seconds('http.client.request.duration', 'Duration of HTTP client requests.'),
  requestSize: bytes('http.client.request.body.size', 'Size of HTTP client request bodies.'),
  responseSize: bytes('http.client.response.body.size', 'Size of HTTP client response bodies.'),
};
