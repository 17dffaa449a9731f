// How resources compare, and which issuers configuration may name.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalResource, issuerProblem, normalizedHttpUri } from '../../src/parsing/uri.ts';

describe('canonicalResource', () => {
  it.each([
    ['https://mcp.example.com', 'HTTPS://MCP.Example.com/'],
    ['https://mcp.example.com', 'https://mcp.example.com:443'],
    ['https://mcp.example.com', 'https://mcp.example.com:443/'],
    ['http://mcp.example.com', 'Http://mcp.example.com:80/'],
    ['https://mcp.example.com/MCP', 'https://MCP.example.com:443/MCP'],
    ['https://mcp.example.com/a/', 'https://mcp.EXAMPLE.com/a/'],
    ['https://mcp.example.com?Q=1', 'https://MCP.example.com?Q=1'],
    ['https://[2001:db8::a]', 'https://[2001:DB8::A]:443/'],
  ])('compares as %s (RI-04): %s', (canonical, text) => {
    expect(canonicalResource(text)).toBe(canonical);
    expect(canonicalResource(canonical)).toBe(canonical);
  });

  it.each([
    ['https://mcp.example.com/MCP', 'https://mcp.example.com/mcp', 'the case of a path'],
    ['https://mcp.example.com/a', 'https://mcp.example.com/a/', 'a slash after a path'],
    ['https://mcp.example.com', 'http://mcp.example.com', 'the scheme'],
    ['https://mcp.example.com:80', 'https://mcp.example.com', 'the port of another scheme'],
    ['https://mcp.example.com:8443', 'https://mcp.example.com', 'a port'],
    ['https://mcp.example.com:0443', 'https://mcp.example.com', 'a zero before the port'],
    ['https://mcp.example.com:', 'https://mcp.example.com', 'an empty port'],
    ['https://mcp.example.com//', 'https://mcp.example.com', 'two slashes'],
    ['https://mcp.example.com/a/../', 'https://mcp.example.com', 'dots'],
    ['https://mcp.example.com/%61', 'https://mcp.example.com/a', 'percent encoding'],
    ['https://mcp.example.com?', 'https://mcp.example.com', 'an empty query'],
    ['https://mcp.example.com/?q', 'https://mcp.example.com?q', 'a slash before a query'],
    ['https://user@mcp.example.com', 'https://mcp.example.com', 'a user'],
    ['https://mcp.example.com.', 'https://mcp.example.com', 'a final dot'],
    ['https://\u212acp.example.com', 'https://kcp.example.com', 'a letter that only folds to ASCII (A-123)'],
    ['https:\\\\mcp.example.com', 'https://mcp.example.com', 'backslashes'],
  ])('keeps %s and %s apart: %s (A-136)', (one, other) => {
    expect(canonicalResource(one)).not.toBe(canonicalResource(other));
  });

  it.each([
    'urn:example:Ledger',
    'HTTPS:Ledger',
    'https://',
    'spiffe://TD/x',
    'Ledger',
    '',
    'https://U@Host/',
    'https://H/#F',
  ])('leaves alone what is no plain http(s) URI: %s', (text) => {
    expect(canonicalResource(text)).toBe(text);
  });

  it('is idempotent, and joins only what a URL reader joins as well', () => {
    const part = fc.string({ unit: fc.constantFrom(...'aAzZ09.:/@?#%[]-\\ \u212a'), maxLength: 12 });
    const text = fc.tuple(fc.constantFrom('https://', 'HTTP://', 'https:', ''), part).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, (resource) => {
        const canonical = canonicalResource(resource);
        expect(canonicalResource(canonical)).toBe(canonical);
        if (URL.canParse(resource)) expect(new URL(canonical).href).toBe(new URL(resource).href);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('issuerProblem', () => {
  it.each([
    'https://token.actions.githubusercontent.com',
    'https://gitlab.com',
    'https://login.acme.example/',
    'https://oidc.eks.eu-west-1.amazonaws.com/id/8EBD0123456789ABCDEF0123456789AB',
    'https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0',
    'https://kubernetes.default.svc.cluster.local',
    'https://localhost:8443/realms/Acme',
    'https://127.0.0.1:8443',
    'https://[::1]:8443/x',
    'https://my_service.example/a~b/%41',
  ])('finds nothing wrong with %s', (text) => {
    expect(issuerProblem(text)).toBeUndefined();
  });

  const NOT_HTTPS = 'must begin with https://, in lower case';
  const HOST = 'must have a host of letters, digits, dashes and single dots';
  const ASCII = 'must be printable ASCII without spaces';
  const PORT = 'must have a port from 1 to 65535, or none';
  const ENCODED = 'must not have encoded dots or slashes in its path';
  it.each([
    ['', NOT_HTTPS],
    ['http://a.example', NOT_HTTPS],
    ['HTTPS://a.example', NOT_HTTPS],
    ['https:/a.example', NOT_HTTPS],
    ['a.example', NOT_HTTPS],
    ['https://', 'must have a host'],
    ['https:///x', 'must have a host'],
    ['https://a.example?x=1', 'must not have a query'],
    ['https://a.example/x?', 'must not have a query'],
    ['https://a.example#', 'must not have a fragment'],
    ['https://u@a.example', 'must not have a user name or password'],
    ['https://u:p@a.example', 'must not have a user name or password'],
    ['https://a.example\\@b.example', 'must not have a backslash'],
    ['https://A.example', 'must have its host in lower case'],
    ['https://a..example', HOST],
    ['https://a.example.', HOST],
    ['https://.a.example', HOST],
    ['https://a%2eexample', HOST],
    ['https://*.example', HOST],
    ['https://[::1', HOST],
    ['https://a.example:', PORT],
    ['https://a.example:0', PORT],
    ['https://a.example:0443', PORT],
    ['https://a.example:65536', PORT],
    ['https://a.example:port', PORT],
    ['https://a.example//', 'must not have an empty segment (//) in its path'],
    ['https://a.example/x//y', 'must not have an empty segment (//) in its path'],
    ['https://a.example/x/../y', 'must not have . or .. in its path'],
    ['https://a.example/.', 'must not have . or .. in its path'],
    ['https://a.example/x/%2e%2e/y', ENCODED],
    ['https://a.example/x%2Fy', ENCODED],
    ['https://a.example/x%5cy', ENCODED],
    ['https://a.example/%zz', 'must have a path of URI characters'],
    ['https://a.example/<x>', 'must have a path of URI characters'],
    ['https://\u212a.example', ASCII],
    ['https://b\u00fccher.example', ASCII],
    ['https://a.example/ x', ASCII],
    ['https://a.example\n', ASCII],
    ['https://a.example/\0', ASCII],
    [`https://a.example/${'x'.repeat(1_100)}`, 'must not be longer than 1024 characters'],
  ])('says what is wrong with %j', (text, problem) => {
    expect(issuerProblem(text)).toBe(problem);
  });

  it('takes nothing that a URL reader would spell in another way, but for a bare host and a default port', () => {
    const tail = fc.string({ unit: fc.constantFrom(...'aAz0.:/@?#%[]-_\\~2eF'), minLength: 1, maxLength: 14 });
    fc.assert(
      fc.property(tail, (rest) => {
        const text = `https://${rest}`;
        if (issuerProblem(text) !== undefined || !URL.canParse(text)) return;
        // Numbers are IPv4 addresses to a URL reader: no issuer has such a name, and no certificate either.
        if (/^\d|\.\d/.test(rest)) return;
        expect([text, `${text}/`, text.replace(':443', ''), `${text.replace(':443', '')}/`]).toContain(
          new URL(text).href,
        );
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('DP-03 an http(s) URI as a DPoP proof names it (RFC 3986 §6.2.2, §6.2.3)', () => {
  it.each([
    ['https://sts.example', 'https://sts.example/'],
    ['HTTPS://STS.Example:443/Token', 'https://sts.example/Token'],
    ['http://sts.example:80', 'http://sts.example/'],
    ['http://sts.example:443/', 'http://sts.example:443/'],
    ['https://sts.example:/a?b=c/d#e', 'https://sts.example/a'],
    ['https://[2001:DB8::1]:443/a', 'https://[2001:db8::1]/a'],
    ['https://%53TS.example/%7Euser/%e2%82%ac', 'https://sts.example/~user/%E2%82%AC'],
    ['https://sts.example/a/./b/../../c/.', 'https://sts.example/c/'],
    ['https://sts.example/../../a/..', 'https://sts.example/'],
    ['https://sts.example/a//b/', 'https://sts.example/a//b/'],
  ])('%s is %s', (text, normal) => {
    expect(normalizedHttpUri(text)).toBe(normal);
    expect(normalizedHttpUri(normal)).toBe(normal);
  });

  it.each([
    ['no scheme', 'sts.example/a'],
    ['another scheme', 'ftp://sts.example/a'],
    ['no host', 'https:///a'],
    ['userinfo', 'https://a@sts.example/'],
    ['an encoded host delimiter', 'https://sts.example%2f.attacker.example/'],
    ['a port in letters', 'https://sts.example:https/'],
    ['a backslash', 'https://sts.example\\a'],
    ['a blank', 'https://sts.example/a b'],
    ['a broken percent-encoding', 'https://sts.example/%zz'],
    ['a host beyond ASCII', 'https://stś.example/'],
    ['a line end', 'https://sts.example/\n'],
  ])('with %s it is none', (_what, text) => {
    expect(normalizedHttpUri(text)).toBeUndefined();
  });
});
