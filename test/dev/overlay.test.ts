// What `dev` makes of a configuration: ours on localhost, nobody else's files or addresses, and trust, targets and policies as they were.

import { describe, expect, it } from 'vitest';
import { type DevPlaces, localised } from '../../src/dev/overlay.ts';

const PLACES: DevPlaces = {
  issuer: 'https://localhost:8443',
  address: '127.0.0.1:8443',
  certificate: '/d/tls.crt',
  key: '/d/tls.key',
  standIn: '/d/ca.crt',
  socket: '/d/control.sock',
  store: '/d/store',
  keys: '/d/keys',
  records: '/d/audit.jsonl',
  secret: `\${SECRET}`,
};
const WRITTEN = {
  issuer: 'https://sts.example',
  listen: { address: '0.0.0.0:443', tls: { workloadApi: 'unix:///agent.sock' } },
  control: { socket: '/run/control.sock' },
  store: { redis: { url: 'rediss://redis.example' } },
  keys: { directory: '/keys', rotateEvery: '7d' },
  audit: { to: 'stdout', labels: { region: 'eu' } },
  targets: { deploy: { kind: 'token', audience: 'https://sts.example' } },
  policies: ['./policies'],
};
const localisedSource = (source: unknown) => {
  const local = localised({ ...WRITTEN, trust: { one: source } }, PLACES);
  return (local as { trust: { one: unknown } }).trust.one;
};
const localisedClient = (client: unknown) => {
  const local = localised({ ...WRITTEN, clients: { one: client } }, PLACES);
  return (local as { clients: { one: unknown } }).clients.one;
};

describe('the overlay of dev', () => {
  it('puts what is ours on localhost and below one folder, and leaves the rest', () => {
    expect(localised(WRITTEN, PLACES)).toEqual({
      issuer: 'https://localhost:8443',
      listen: { address: '127.0.0.1:8443', tls: { certificate: '/d/tls.crt', key: '/d/tls.key' } },
      observe: { address: '127.0.0.1:0' },
      control: { socket: '/d/control.sock' },
      store: { directory: '/d/store' },
      keys: { directory: '/d/keys', rotateEvery: '7d' },
      audit: { to: '/d/audit.jsonl', sync: false, labels: { region: 'eu' } },
      targets: WRITTEN.targets,
      policies: WRITTEN.policies,
    });
  });

  it.each([
    ['keys in a file', { jwks: { file: './k.json' } }, { jwks: { file: '/d/ca.crt' } }],
    [
      'keys at a URL',
      { jwks: { url: 'https://k.example', ca: './ca.crt', tokenFile: '/token' } },
      { jwks: { url: 'https://k.example', ca: '/d/ca.crt', tokenFile: '/d/ca.crt' } },
    ],
    [
      'discovery elsewhere',
      { discovery: { url: 'https://k.example', ca: './ca.crt' } },
      { discovery: { url: 'https://k.example', ca: '/d/ca.crt' } },
    ],
    ['a bundle', { bundle: { file: './b.json' } }, { bundle: { file: '/d/ca.crt' } }],
    [
      'a review beside keys',
      { jwks: { file: './k.json' }, tokenReview: { url: 'https://k.example' } },
      { jwks: { file: '/d/ca.crt' } },
    ],
    [
      'a review instead of keys',
      { jwks: 'none', tokenReview: { url: 'https://k.example' } },
      { jwks: { file: '/d/ca.crt' } },
    ],
    ['our issuer as the audience', { audience: 'https://sts.example' }, { audience: 'https://localhost:8443' }],
    ['another audience', { audience: 'https://api.example' }, { audience: 'https://api.example' }],
    // A claim may be called as an option is: `require` is about tokens, and stays.
    ['what it requires', { require: { file: 'x', ca: 'y' } }, { require: { file: 'x', ca: 'y' } }],
  ])('of a source: %s', (_what, source, local) => {
    expect(localisedSource({ kind: 'k', ...source })).toEqual({ kind: 'k', ...local });
  });

  it.each([
    [
      'its secret',
      { secret: [`\${file:/a}`, { sha256: `\${file:/b}`, until: '2027-01-01' }] },
      { secret: `\${SECRET}` },
    ],
    [
      'its authority',
      { certificate: { ca: './ca.crt', dns: 'x.example' } },
      { certificate: { ca: '/d/ca.crt', dns: 'x.example' } },
    ],
    ['its keys', { jwks: { file: './k.json' } }, { jwks: { file: '/d/ca.crt' } }],
    [
      'what it presents',
      { presents: ['https://sts.example', 'https://mcp.example'] },
      { presents: ['https://localhost:8443', 'https://mcp.example'] },
    ],
  ])('of a client: %s', (_what, client, local) => {
    expect(localisedClient(client)).toEqual(local);
  });

  it.each([[null], ['text'], [[]], [7]])('leaves %j for the schema to refuse', (written) => {
    expect(localised(written, PLACES)).toBe(written);
  });

  it('leaves what is no map of sources for the schema to refuse', () => {
    expect(localised({ trust: ['github'], clients: 'x' }, PLACES)).toMatchObject({ trust: ['github'], clients: 'x' });
    expect(localisedSource('github')).toBe('github');
  });
});
