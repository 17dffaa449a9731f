// What an operator is told of trust bundles and what refuses nothing: in `check`, in the log of every load, and when bundles that come
// by a stream change (SB-04, SB-07, SX-11).

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTestBroker, type TestBroker } from '../support/broker.ts';
import { openSpiffeAuthority, type SpiffeAuthority } from '../support/spiffe-authority.ts';
import { openWorkloadApiServer, serve, type WorkloadApiServer } from '../support/workload-api-server.ts';

const PATIENCE = { timeout: 10_000, interval: 20 };

let mesh: SpiffeAuthority;
let partner: SpiffeAuthority;
let agent: WorkloadApiServer;
const running: (() => PromiseLike<unknown>)[] = [];

beforeEach(async () => {
  [mesh, partner] = await Promise.all([openSpiffeAuthority('prod.example'), openSpiffeAuthority('partner.example')]);
  agent = await openWorkloadApiServer();
  running.push(() => agent[Symbol.asyncDispose]());
});
afterEach(async () => {
  for (const stop of running.splice(0).reverse()) await stop();
});

const rootsOf = (authority: SpiffeAuthority): object[] =>
  JSON.parse(authority.bundleJson()).keys.filter(({ use }: { use: string }) => use === 'x509-svid');
const bundle = (...keys: readonly object[]) => JSON.stringify({ keys });

/** A broker whose source `mesh` has this bundle in a file, and whose source `partner` this origin. */
async function brokerWith(text: string, origin: string, files: Record<string, string> = {}): Promise<TestBroker> {
  const broker = await startTestBroker({
    config: (yaml) =>
      yaml
        .replace('bundle: { file: ./mesh.json }', 'bundle: { file: ./bundle.json }')
        .replace('  mesh:', `  partner: { kind: spiffe, trustDomain: partner.example, ${origin} }\n  mesh:`),
    files: { 'bundle.json': text, ...files },
  });
  running.push(() => broker.stop());
  return broker;
}

const times = (text: string, part: string): number => text.split(part).length - 1;

describe('a root in the bundles of two trust domains', () => {
  const shares =
    /(?:prod|partner)\.example and (?:prod|partner)\.example share a root \(the certificate with SHA-256 [0-9a-f]{64}\)/;

  it('SB-07 is told at the start, with both names', async () => {
    const files = { 'partner.json': bundle(...rootsOf(mesh), ...rootsOf(partner)) };
    const broker = await brokerWith(mesh.bundleJson(), 'bundle: { file: ./partner.json }', files);
    expect(broker.logged()).toMatch(shares);
    broker.write('partner.json', partner.bundleJson());
    const before = broker.logged().length;
    expect(await broker.broker.reload()).toMatchObject({ ok: true });
    expect(broker.logged().slice(before)).not.toContain('share a root');
  });

  it('SB-07 is told once when a stream brings it', async () => {
    const give = (...ders: readonly Uint8Array[]) =>
      serve(agent, { svids: [], x509: { 'spiffe://partner.example': Buffer.concat(ders) }, jwt: {} });
    give(...partner.rootDers());
    const broker = await brokerWith(mesh.bundleJson(), `workloadApi: "${agent.socket}"`);
    await expect.poll(() => agent.open('FetchX509Bundles'), PATIENCE).toBe(1);
    expect(broker.logged()).not.toContain('share a root');
    give(...partner.rootDers(), ...mesh.rootDers());
    await expect.poll(() => broker.logged(), PATIENCE).toMatch(shares);
    const changes = times(broker.logged(), '"msg":"keys changed"');
    await partner.rotate();
    give(...partner.rootDers(), ...mesh.rootDers());
    await expect.poll(() => times(broker.logged(), '"msg":"keys changed"'), PATIENCE).toBe(changes + 1);
    expect(times(broker.logged(), 'share a root')).toBe(1);
  });
});

describe('entries of a bundle file that are not used', () => {
  it.each([
    [
      'an authority without a certificate',
      { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA', use: 'x509-svid' },
      'has no x5c',
    ],
    ['a use of ours in other letters', { use: 'JWT-SVID' }, 'has a use other than jwt-svid'],
    ['no use, as in the JWK Set of an OpenID provider', { use: undefined }, 'has a use other than jwt-svid'],
  ])('SX-11, SB-04 are told where they are a mistake: %s', async (_title, changes, why) => {
    const [first = {}] = JSON.parse(mesh.bundleJson()).keys.slice(-1);
    const text = bundle(...JSON.parse(mesh.bundleJson()).keys, { ...first, kid: 'other', ...changes });
    const broker = await brokerWith(text, 'bundle: { file: ./partner.json }', { 'partner.json': partner.bundleJson() });
    expect(broker.logged()).toContain(`trust.mesh.bundle: entry 3 of the file is not used: it ${why}`);
  });

  it('SB-04 are left alone without a word where their use is for somebody else', async () => {
    const text = bundle(...JSON.parse(mesh.bundleJson()).keys, { kty: 'EC', kid: 'w', use: 'wit-svid' });
    const broker = await brokerWith(text, 'bundle: { file: ./partner.json }', { 'partner.json': partner.bundleJson() });
    expect(broker.logged()).not.toContain('is not used');
  });

  it('SB-03 are no error where nothing else is there, and somebody is told', async () => {
    const broker = await brokerWith('{"keys":[]}', 'bundle: { file: ./partner.json }', {
      'partner.json': partner.bundleJson(),
    });
    const text = 'trust.mesh.bundle: it has no key and no authority that can be used';
    expect(times(broker.logged(), text)).toBe(1);
  });
});
