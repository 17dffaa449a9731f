// `spiffe inspect` over real files, a real bundle endpoint and a real agent: what is wrong, and the section that says so. Every bad thing
// has the good one beside it. The unproved text that is shown is hostile in one of them.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KEY_SET_BYTES_MAX } from '../../../src/core/limits-outside.ts';
import { runProgram } from '../../support/program.ts';
import { openSpiffeAuthority, type SpiffeAuthority } from '../../support/spiffe-authority.ts';
import { openTlsServer } from '../../support/tls-server.ts';
import { openWorkloadApiServer, serve } from '../../support/workload-api-server.ts';
import { createAuthority } from '../../support/workload-authority.ts';

const DAY_MS = 86_400_000;
const now = () => Math.floor(Date.now() / 1000);

let authority: SpiffeAuthority;
let other: SpiffeAuthority;
let folder: string;
beforeAll(async () => {
  [authority, other] = await Promise.all([openSpiffeAuthority('prod.example'), openSpiffeAuthority('other.example')]);
  folder = mkdtempSync(join(tmpdir(), 'inspect-'));
  file('bundle.json', authority.bundleJson());
  file('bundle.pem', authority.bundlePem());
  file('other.json', other.bundleJson());
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}
const at = (name: string): string => join(folder, name);
const inspect = (...line: readonly string[]) => runProgram(['spiffe', 'inspect', ...line]);
/** The lines that judge, with their verdicts. */
const verdicts = ({ out }: { readonly out: readonly string[] }) => out.filter((line) => /^(?:ok|no|--) {2}/.test(line));
const bad = (said: { readonly out: readonly string[] }) => verdicts(said).filter((line) => line.startsWith('no'));

describe('an X.509-SVID in PEM', () => {
  it('with its key and the bundle of its trust domain is judged as a relying party does, line by line', async () => {
    const { cert, key, id } = await authority.mintSvid('/web', { intermediate: true, dnsNames: ['web.example'] });
    const said = await inspect(file('svid.pem', key + cert), '--bundle', at('bundle.json'));
    expect(said.exits).toEqual([0]);
    expect(verdicts(said)).toEqual([
      'ok  the 2 certificates can be read  [RFC 5280 §4.1]',
      'ok  the private key is that of the leaf  [Filesystem Delivery §2.1]',
      'ok  the leaf names exactly one workload  [X509-SVID §2 and §5.2]',
      'ok  the leaf is valid now  [RFC 5280 §6.1.3]',
      'ok  the leaf has what an SVID of a client must have  [X509-SVID §4, RFC 5280 §4.2]',
      'ok  the leaf has what an SVID of a server must have  [X509-SVID §4, RFC 5280 §4.2]',
      expect.stringMatching(
        /^ok {2}a path leads to an authority of prod\.example, for a client, until \d{4}-.*Z {2}\[/,
      ),
      expect.stringMatching(
        /^ok {2}a path leads to an authority of prod\.example, for a server, until \d{4}-.*Z {2}\[/,
      ),
    ]);
    const facts = said.out.join('\n');
    expect(facts).toContain(`spiffe id               ${id}`);
    expect(facts).toContain('DNS web.example');
    expect(facts).toContain('ec prime256v1');
    expect(facts).not.toContain(key.split('\n')[1]);
  });

  it('is judged by a bundle in PEM as well', async () => {
    const { cert } = await authority.mintSvid('/web');
    expect(await inspect(file('svid.pem', cert), '--bundle', at('bundle.pem'))).toMatchObject({ exits: [0] });
  });

  it('without a bundle: says that its path is not judged, and nothing is wrong', async () => {
    const { cert } = await authority.mintSvid('/web');
    const said = await inspect(file('svid.pem', cert));
    expect([said.exits, verdicts(said).at(-1)]).toEqual([
      [0],
      '--  who signed it is not judged: --bundle names the bundle of its trust domain  [RFC 5280 §6.1, X509-SVID §5.1]',
    ]);
  });

  it.each([
    ['SX-01 two URI names', { uris: ['spiffe://prod.example/a', 'https://b.example'] }, 'X509-SVID §2 and §5.2'],
    ['SX-02 an ID without a path', { uris: ['spiffe://prod.example'] }, 'X509-SVID §5.2'],
    ['SI-05 an ID in upper case', { uris: ['spiffe://Prod.example/a'] }, 'SPIFFE-ID §2, X509-SVID §2'],
    ['an expired leaf', { notBefore: new Date(0), notAfter: new Date(DAY_MS) }, 'RFC 5280 §6.1.3'],
    ['SX-07 the wrong purpose', { purposes: ['server' as const] }, 'X509-SVID §4.4, RFC 5280 §4.2.1.12'],
    ['nobody above it', { selfSigned: true }, 'RFC 5280 §6.1, X509-SVID §5.1'],
  ])('with %s: one line says so, with the section', async (_title, options, section) => {
    const { cert } = await authority.mintSvid('/web', options);
    const said = await inspect(file('svid.pem', cert), '--bundle', at('bundle.json'), '--purpose', 'client');
    expect(said.exits).toEqual([1]);
    expect(bad(said)).toEqual([expect.stringContaining(`[${section}]`)]);
  });

  it('SX-09 is not proved by the bundle of another trust domain', async () => {
    const { cert } = await authority.mintSvid('/web');
    const said = await inspect(file('svid.pem', cert), '--bundle', at('other.json'), '--purpose', 'client');
    expect([said.exits, bad(said).length]).toEqual([[1], 1]);
    expect(bad(await inspect(at('svid.pem'), '--trust-domain', 'other.example'))).toEqual([
      'no  the workload is not of other.example  [SPIFFE-ID §2.1]',
    ]);
    expect(bad(await inspect(at('svid.pem'), '--trust-domain', 'prod.example'))).toEqual([]);
  });

  it("with another's key: says so, and shows neither", async () => {
    const [one, two] = [await authority.mintSvid('/web'), await authority.mintSvid('/web')];
    const said = await inspect(file('svid.pem', two.key + one.cert));
    expect([said.exits, bad(said)]).toEqual([
      [1],
      ['no  it has the private key of another certificate than the first  [Filesystem Delivery §2.1]'],
    ]);
    expect(said.out.join('\n')).not.toContain(two.key.split('\n')[1]);
  });

  it('that is no certificate, or no PEM: says which', async () => {
    const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    expect(bad(await inspect(file('broken.pem', broken)))).toEqual([
      'no  a certificate is not DER, or has something behind its end  [RFC 5280 §4.1, X.690 §10]',
    ]);
    expect(bad(await inspect(file('broken.pem', broken.replace('AAAA', '!'))))).toEqual([
      'no  it has a CERTIFICATE at line 1 that is not base64  [RFC 7468 §2 and §5]',
    ]);
  });

  it('says the same as JSON', async () => {
    const { cert } = await authority.mintSvid('/web', { purposes: ['server'] });
    const said = await inspect(file('svid.pem', cert), '--purpose', 'client', '--json');
    const report = JSON.parse(said.out.join());
    expect([said.exits, report.ok, report.inspections[0].what]).toEqual([[1], false, 'X.509-SVID']);
    expect(report.inspections[0].checks).toContainEqual({
      ok: false,
      says: 'the extended key usage of the leaf lacks the purpose it is used for',
      section: 'X509-SVID §4.4, RFC 5280 §4.2.1.12',
    });
  });
});

describe('a JWT-SVID', () => {
  const judge = async (token: string, ...more: readonly string[]) =>
    inspect(
      file('token.jwt', `${token}\n`),
      '--bundle',
      at('bundle.json'),
      '--audience',
      'https://sts.example',
      ...more,
    );
  const sign = (claims: object = {}, header: object = {}) =>
    authority.signJwt('/web', 'https://sts.example', now(), claims, header);

  it('is good where the broker would take it, and is never shown', async () => {
    const token = await sign();
    const said = await judge(token);
    expect([said.exits, verdicts(said)]).toEqual([
      [0],
      [
        'ok  it is a compact JWS  [JWT-SVID §1, RFC 7515 §7.1]',
        'ok  its header, its claims and its times are as they must be  [JWT-SVID §2 to §4]',
        'ok  a key of the trust domain signed it  [JWT-SVID §4 and §6.2]',
      ],
    ]);
    expect(said.out.join('\n')).toContain('spiffe://prod.example/web');
    expect(said.out.join('\n')).not.toContain(token.split('.')[2]);
  });

  it.each([
    ['SJ-02 a header that names its key', {}, { jku: 'https://keys.example' }, 'JWT-SVID §2'],
    ['SJ-05 another typ', {}, { typ: 'at+jwt' }, 'JWT-SVID §2.3'],
    ['SJ-06 a sub that is no SPIFFE ID', { sub: 'web' }, {}, 'JWT-SVID §3.1'],
    ['SJ-07 a second audience', { aud: ['https://sts.example', 'x'] }, {}, 'JWT-SVID §3.2 and §4'],
    ['SJ-08 no exp', { exp: undefined }, {}, 'JWT-SVID §3.3'],
    ['an exp in the past', { exp: 1, iat: 1 }, {}, 'JWT-SVID §3.3'],
    ['a kid that nobody has', {}, { kid: 'x' }, 'JWT-SVID §4 and §6.2'],
  ])('with %s: one line says so, with the section', async (_title, claims, header, section) => {
    const said = await judge(await sign(claims, header));
    expect([said.exits, bad(said)]).toEqual([[1], [expect.stringContaining(`[${section}]`)]]);
  });

  it('SJ-06 is judged by the bundle of its own trust domain alone', async () => {
    const said = await judge(await other.signJwt('/web', 'https://sts.example', now()));
    expect([said.exits, bad(said)]).toEqual([[1], [expect.stringContaining('no key of the trust domain')]]);
  });

  it("with another's signature under a known kid: says so", async () => {
    const claims = { sub: authority.id('/web') };
    const token = await other.signJwt('/web', 'https://sts.example', now(), claims, { kid: authority.kid() });
    const said = await judge(token);
    expect([said.exits, bad(said)]).toEqual([[1], ['no  the key of that kid did not sign it  [JWT-SVID §4]']]);
  });

  it('without a bundle and an audience: what is not judged is said', async () => {
    const said = await inspect(file('token.jwt', await sign()));
    expect([said.exits, verdicts(said).filter((line) => line.startsWith('--')).length]).toEqual([[0], 2]);
  });

  it('shows hostile text in printable ASCII, on one line', async () => {
    const said = await judge(await sign({ aud: ['\u001b[2J\nok  forged  [x]\u202e'] }));
    expect(said.out.join('')).toMatch(/^[\x20-\x7e§]*$/);
    expect(verdicts(said).join()).not.toContain('forged');
  });

  it('that is no JWS: says so', async () => {
    expect(bad(await inspect(file('token.jwt', 'not a token')))).toEqual([
      'no  it is no compact JWS (not_compact)  [JWT-SVID §1, RFC 7515 §7.1]',
    ]);
  });
});

describe('a file', () => {
  it('that is not there, or no text, could not be found out about: exit 3', async () => {
    expect(await inspect(at('none'))).toEqual({ out: [], err: [`${at('none')}: ENOENT`], exits: [3] });
    const noText = join(folder, 'no-text');
    writeFileSync(noText, Buffer.from([0xff]));
    expect(await inspect(noText)).toEqual({ out: [], err: [`${noText}: it is not UTF-8`], exits: [3] });
    const { cert } = await authority.mintSvid('/web');
    const said = await inspect(file('svid.pem', cert), '--bundle', at('none'));
    expect(said).toEqual({ out: [], err: [`${at('none')}: ENOENT`], exits: [3] });
  });
});

describe('standard input', () => {
  const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));
  /** The real process, since only a process has a standard input. */
  const piped = (input: string) =>
    spawnSync(process.execPath, [MAIN, 'spiffe', 'inspect', '-'], { input, encoding: 'utf8', env: { PATH: '' } });

  it('is read for -, whole and in one piece', async () => {
    const { cert } = await authority.mintSvid('/web', {
      dnsNames: Array.from({ length: 900 }, (_, at) => `a${at}.example`),
    });
    const said = piped(cert);
    expect([said.status, said.stderr]).toEqual([0, '']);
    expect(said.stdout).toContain('ok  the leaf names exactly one workload');
  });

  it('is bounded', () => {
    const said = piped('{'.repeat(KEY_SET_BYTES_MAX + 1));
    expect([said.status, said.stdout, said.stderr]).toEqual([3, '', `-: it is more than ${KEY_SET_BYTES_MAX} bytes\n`]);
  });
});

describe('a bundle', () => {
  it.each(['bundle.json', 'bundle.pem'])('%s is shown with what it proves', async (name) => {
    const said = await inspect(at(name));
    expect(said.exits).toEqual([0]);
    expect(verdicts(said)).toContain('ok  authority 1 may sign X.509-SVIDs  [RFC 5280 §6.1.4, X509-SVID §3.2 and §4]');
    expect(verdicts(said)).toContain('ok  it proves X.509-SVIDs  [X509-SVID §6.2]');
    expect(verdicts(said).at(-1)?.slice(0, 2)).toBe(name === 'bundle.json' ? 'ok' : '--');
  });

  it.each([
    ['SB-03 nothing in it', '{"keys":[]}', 'SPIFFE Trust Domain and Bundle §4.1.3'],
    ['no keys at all', '{}', 'SPIFFE Trust Domain and Bundle §4'],
    ['SB-05 a trust domain twice', '{"trust_domains":{},"trust_domains":{}}', 'SPIFFE Trust Domain and Bundle §4'],
    [
      'a map, and nobody says which',
      '{"trust_domains":{"a.example":{"keys":[]}}}',
      'SPIFFE Trust Domain and Bundle §4',
    ],
  ])('with %s: one line says so, with the section', async (_title, text, section) => {
    const said = await inspect(file('bad.json', text));
    expect([said.exits, bad(said)]).toEqual([[1], [expect.stringContaining(`[${section}]`)]]);
  });

  it('SB-04 says which elements are not used: those that are wrong, and those that are for others', async () => {
    const bundle = JSON.parse(authority.bundleJson());
    bundle.keys.push({ kty: 'EC', use: 'x509-svid' }, { kty: 'EC', use: 'wit-svid' }, { kty: 'XYZ', use: 'jwt-svid' });
    const said = await inspect(file('mixed.json', JSON.stringify(bundle)));
    expect(verdicts(said).filter((line) => line.includes('element'))).toEqual([
      'no  element 3 has no x5c: not used  [SPIFFE Trust Domain and Bundle §4.2]',
      '--  element 4 has a use other than jwt-svid: not used  [SPIFFE Trust Domain and Bundle §4.2]',
      '--  element 5 has an unknown kty: not used  [SPIFFE Trust Domain and Bundle §4.2]',
    ]);
  });
});

describe('a bundle endpoint', () => {
  /** An endpoint that proves itself by an X.509-SVID. */
  async function openSpiffeEndpoint(path: string) {
    const { cert, key } = await authority.mintSvid(path);
    const server = createServer({ cert, key }, (_request, response) => response.end(authority.bundleJson()));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return {
      url: `https://localhost:${(server.address() as AddressInfo).port}/`,
      async [Symbol.asyncDispose]() {
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
      },
    };
  }
  const spiffe = ['--profile', 'https_spiffe', '--endpoint-id', 'spiffe://prod.example/spire/server'];

  it('https_web: is fetched as the broker does, and what it serves is judged', async () => {
    await using server = await openTlsServer((_request, response) => response.end(authority.bundleJson()));
    const said = await inspect(server.url, '--ca', file('ca.pem', server.ca));
    expect([said.exits, verdicts(said)[0]]).toEqual([
      [0],
      'ok  its server has the name in the URL, and it answers  [SPIFFE Federation §5.2.1]',
    ]);
    // Without its authority nobody vouches for the name.
    expect(bad(await inspect(server.url))).toEqual([
      expect.stringMatching(/^no {2}tls: .*\[SPIFFE Federation §5\.2\.1\]$/),
    ]);
  });

  it('SF-09 https_spiffe: its server must be the workload that was named', async () => {
    await using good = await openSpiffeEndpoint('/spire/server');
    await using wrong = await openSpiffeEndpoint('/web');
    const bootstrap = ['--bootstrap', at('bundle.json')];
    const said = await inspect(good.url, ...spiffe, ...bootstrap);
    expect([said.exits, bad(said)]).toEqual([[0], []]);
    expect(said.out.join('\n')).toContain('X.509-SVID of its server');
    expect(bad(await inspect(wrong.url, ...spiffe, ...bootstrap))).toEqual([
      'no  tls: its certificate is of another SPIFFE ID than endpointId  [SPIFFE Federation §5.2.2]',
    ]);
    const foreign = await inspect(good.url, ...spiffe, '--bootstrap', at('other.json'));
    expect([foreign.exits, bad(foreign)[0]]).toEqual([
      [1],
      'no  tls: its certificate: issuer_unknown  [SPIFFE Federation §5.2.2]',
    ]);
  });

  it('that is not there could not be found out about: exit 3', async () => {
    const gone = await openSpiffeEndpoint('/web');
    await gone[Symbol.asyncDispose]();
    const said = await inspect(gone.url);
    expect(said).toEqual({ out: [], err: [`${gone.url}: network: ECONNREFUSED`], exits: [3] });
  });

  it('is asked for only as it can be proved: usage otherwise', async () => {
    for (const line of [
      ['http://localhost/'],
      ['https://localhost/', '--profile', 'https_spiffe'],
      ['https://localhost/', ...spiffe],
    ]) {
      const said = await inspect(...line);
      expect([said.exits, said.out, said.err.length]).toEqual([[2], [], 1]);
    }
  });
});

describe('an agent', () => {
  it('gives an SVID that its own bundle proves, and bundles', async () => {
    await using agent = await openWorkloadApiServer();
    const minter = await createAuthority('prod.example');
    const svid = await minter.mint('/web', now() + 3_600);
    serve(agent, {
      svids: [svid],
      x509: { 'spiffe://prod.example': minter.der, 'spiffe://other.example': Buffer.from(other.rootDers()[0] ?? []) },
      jwt: { 'spiffe://prod.example': authority.jwks() },
    });
    const said = await inspect(agent.socket);
    expect([said.exits, bad(said)]).toEqual([[0], []]);
    const text = said.out.join('\n');
    expect(text).toContain('state          connected');
    expect(text).toContain('bundle of other.example');
    expect(verdicts(said)).toContainEqual(expect.stringContaining('a path leads to an authority of prod.example'));
    expect(text).not.toContain(svid.x509_svid_key.toString('base64').slice(0, 40));
  });

  it('that knows nobody here is there, and says no', async () => {
    await using agent = await openWorkloadApiServer();
    for (const stream of ['FetchX509SVID', 'FetchX509Bundles', 'FetchJWTBundles'] as const)
      agent.set(stream, { code: 7 });
    const said = await inspect(agent.socket);
    expect(said.exits).toEqual([1]);
    expect(bad(said)).toContainEqual(expect.stringContaining('no entry for who asks from here'));
  });

  it('that is not there, or no socket, could not be found out about: exit 3', async () => {
    const said = await inspect('unix:///nowhere/agent.sock');
    expect(said).toMatchObject({ out: [], exits: [3] });
    expect(said.err).toEqual([expect.stringMatching(/^unix:\/\/\/nowhere\/agent\.sock: Fetch\w+: UNAVAILABLE$/)]);
    expect((await inspect('tcp://agent.example:1')).err).toEqual([expect.stringContaining('must be')]);
  });
});
