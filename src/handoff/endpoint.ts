/** One end of a connection, for people: `address:port`, IPv6 in brackets, the path of a Unix socket. */
export function endpointText(address: string, port: number): string {
  if (port === 0) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
