export { RequestLine } from '../handoff/request-line.ts';
