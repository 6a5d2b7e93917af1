/**
 * node:http without its WebSocket client, which nothing here uses. An `import` of the module reads
 * every export, and three of them load that client with all of undici and HTTP/2: 2.5 MB of the
 * agent's memory. To be imported before anything that may import node:http.
 */
const http = process.getBuiltinModule('node:http');

for (const name of ['WebSocket', 'CloseEvent', 'MessageEvent']) {
  const isLazy = Object.getOwnPropertyDescriptor(http, name)?.get !== undefined;
  if (isLazy) Object.defineProperty(http, name, { value: undefined, configurable: true });
}
