// Judgements about URIs, by grammar alone (RFC 3986): how a resource is compared (row RI-04), how the address in a DPoP proof is (row
// DP-03), and whether an issuer in configuration can be byte-exact. No `new URL()`: it resolves dots, drops ports and decodes where
// nobody asked for it, so that two texts become one.

import { ISSUER_BYTES_MAX } from '../core/limits.ts';

/** Scheme, host, port, path, query. Userinfo, fragments, encoded or non-ASCII hosts are not this, and compare as they are. */
const RESOURCE = /^([Hh][Tt][Tt][Pp][Ss]?):\/\/([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?(\/[^?#]*)?(\?[^#]*)?$/;

/**
 * A resource as it is compared with others, never as it is issued: scheme and host in lower case, no default port, no lone
 * trailing slash. Paths keep their case. What is no hierarchical http(s) URI is itself.
 */
export function canonicalResource(text: string): string {
  const [, scheme, host, port = '', path = '', query = ''] = RESOURCE.exec(text) ?? [];
  if (scheme === undefined || host === undefined) return text;
  const lower = scheme.toLowerCase();
  const keptPort = port === (lower === 'https' ? ':443' : ':80') ? '' : port;
  const keptPath = path === '/' && query === '' ? '' : path;
  return `${lower}://${host.toLowerCase()}${keptPort}${keptPath}${query}`;
}

/** Scheme, authority, path; query and fragment are dropped. */
const HTTP_URI = /^([Hh][Tt][Tt][Pp][Ss]?):\/\/([^/?#]*)([^?#]*)(?:\?[^#]*)?(?:#.*)?$/;
const AUTHORITY = /^([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]*))?$/;

/**
 * An http(s) URI without query and fragment, as RFC 3986 §6.2.2 and §6.2.3 normalise it: case, percent-encoding, dot segments, the default
 * port, the empty path. Undefined for anything else, and for one with userinfo, which no request has.
 */
export function normalizedHttpUri(text: string): string | undefined {
  const [, scheme = '', authority, path = ''] = HTTP_URI.exec(text) ?? [];
  if (authority === undefined || !PATH.test(path)) return undefined;
  const [, host, port = ''] = AUTHORITY.exec(decodeUnreserved(authority)) ?? [];
  if (host === undefined) return undefined;
  const lower = scheme.toLowerCase();
  const keptPort = port === '' || port === (lower === 'https' ? '443' : '80') ? '' : `:${port}`;
  return `${lower}://${host.toLowerCase()}${keptPort}${withoutDots(decodeUnreserved(path))}`;
}

/** RFC 3986 §6.2.2.2: what needs no encoding is decoded; the rest is encoded in upper case (§6.2.2.1). */
const decodeUnreserved = (text: string): string =>
  text.replaceAll(/%[0-9A-Fa-f]{2}/g, (encoded) => {
    const character = String.fromCharCode(Number.parseInt(encoded.slice(1), 16));
    return /[A-Za-z0-9._~-]/.test(character) ? character : encoded.toUpperCase();
  });

/** RFC 3986 §5.2.4, for a path that is absolute or empty. */
function withoutDots(path: string): string {
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  for (const segment of segments) {
    if (segment === '..') kept.pop();
    else if (segment !== '.') kept.push(segment);
  }
  // A dot segment at the end leaves the slash before it.
  if (['.', '..'].includes(segments.at(-1) ?? '')) kept.push('');
  return `/${kept.join('/')}`;
}

const SCHEME = 'https://';
/** RFC 1035 §2.3.4 bounds names; a certificate for such a host exists, unlike for one with empty labels or a final dot. */
const HOST = /^(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])$/;
const PORT = /^[1-9][0-9]{0,4}$/;
const PATH = /^(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*$/;

/**
 * What is wrong with an issuer in configuration, as the end of a sentence that begins with its name; undefined where nothing
 * is. Issuers are compared byte for byte (RFC 8414 §2, OpenID Connect Discovery §3), so one that others may spell in
 * another way is refused. A path is legal, and so is a trailing slash.
 */
export function issuerProblem(text: string): string | undefined {
  if (text.length > ISSUER_BYTES_MAX) return `must not be longer than ${ISSUER_BYTES_MAX} characters`;
  if (!/^[\x21-\x7e]*$/.test(text)) return 'must be printable ASCII without spaces';
  if (!text.startsWith(SCHEME)) return 'must begin with https://, in lower case';
  if (text.includes('?')) return 'must not have a query';
  if (text.includes('#')) return 'must not have a fragment';
  if (text.includes('\\')) return 'must not have a backslash';
  const rest = text.slice(SCHEME.length);
  const slash = rest.indexOf('/');
  return slash < 0
    ? authorityProblem(rest)
    : (authorityProblem(rest.slice(0, slash)) ?? pathProblem(rest.slice(slash)));
}

function authorityProblem(authority: string): string | undefined {
  if (authority === '') return 'must have a host';
  if (authority.includes('@')) return 'must not have a user name or password';
  if (/[A-Z]/.test(authority)) return 'must have its host in lower case';
  const colon = authority.lastIndexOf(':') > authority.lastIndexOf(']') ? authority.lastIndexOf(':') : -1;
  const host = colon < 0 ? authority : authority.slice(0, colon);
  if (!HOST.test(host)) return 'must have a host of letters, digits, dashes and single dots';
  const port = colon < 0 ? '443' : authority.slice(colon + 1);
  if (!PORT.test(port) || Number(port) > 65_535) return 'must have a port from 1 to 65535, or none';
  return undefined;
}

function pathProblem(path: string): string | undefined {
  if (path.includes('//')) return 'must not have an empty segment (//) in its path';
  if (path.split('/').some((segment) => segment === '.' || segment === '..'))
    return 'must not have . or .. in its path';
  if (/%(?:2[ef]|5c)/i.test(path)) return 'must not have encoded dots or slashes in its path';
  if (!PATH.test(path)) return 'must have a path of URI characters';
  return undefined;
}
