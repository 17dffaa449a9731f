// Where a SPIFFE Workload API listens (SPIFFE Workload Endpoint §4; SA-01): `unix:///absolute/path` or `tcp://<ip>:<port>`, spelled in
// that one way. No name is ever looked up. Beyond the standard, a TCP endpoint must be on this host: private keys and roots of trust
// come over it in the clear, and whether a network vouches for source addresses (§3) cannot be seen from here.

import ipaddr from 'ipaddr.js';
import { SOCKET_PATH_BYTES_MAX } from '../core/limits-outside.ts';

export type EndpointSocket =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly family: 4 | 6; readonly address: string; readonly port: number };

export type EndpointSocketRead =
  | { readonly ok: true; readonly target: EndpointSocket }
  /** The end of a sentence that begins with the name of what holds the text. */
  | { readonly ok: false; readonly problem: string };

const UNIX = 'unix://';
const TCP = 'tcp://';
/** What RFC 3986 §3.3 lets stand in a path, without escapes. */
const PATH = /^\/[A-Za-z0-9._~!$&'()*+,;=:@/-]+$/;
const AUTHORITY = /^(?:([0-9.]+)|\[([0-9a-f:.]+)\]):([1-9][0-9]{0,4})$/;

/** Reads what `SPIFFE_ENDPOINT_SOCKET` may say. Never throws. */
export function parseEndpointSocket(text: string): EndpointSocketRead {
  if (text.startsWith(UNIX)) return parseUnix(text.slice(UNIX.length));
  if (text.startsWith(TCP)) return parseTcp(text.slice(TCP.length));
  return no('must be unix:///absolute/path or tcp://<ip>:<port>');
}

const no = (problem: string): EndpointSocketRead => ({ ok: false, problem });

function parseUnix(path: string): EndpointSocketRead {
  if (!path.startsWith('/')) return no('must have an absolute path and no host: unix:///absolute/path');
  if (!PATH.test(path)) return no('must have a path of URI characters, without escapes, query or fragment');
  const segments = path.split('/').slice(1);
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..'))
    return no('must have a path without empty segments, . and ..');
  if (path.length > SOCKET_PATH_BYTES_MAX) return no(`must have a path of at most ${SOCKET_PATH_BYTES_MAX} bytes`);
  return { ok: true, target: { kind: 'unix', path } };
}

function parseTcp(authority: string): EndpointSocketRead {
  const [, v4, v6, port = ''] = AUTHORITY.exec(authority) ?? [];
  const address = v4 ?? v6 ?? '';
  const valid = v4 === undefined ? ipaddr.IPv6.isValid(address) : ipaddr.IPv4.isValidFourPartDecimal(address);
  if (!valid || Number(port) > 65_535) return no('must be tcp://<ip>:<port>, and nothing behind the port');
  if (ipaddr.parse(address).range() !== 'loopback')
    return no('must have a loopback address: keys come over it in the clear; use unix:///absolute/path');
  return { ok: true, target: { kind: 'tcp', family: v4 === undefined ? 6 : 4, address, port: Number(port) } };
}
