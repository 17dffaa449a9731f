// What exchequer.yaml may say: what is described and not built is refused by name; names, addresses and clashes between entries.

import { describe, expect, it } from 'vitest';
import { BASE, load, problems } from './folder.ts';

const withSource = (name: string, entry: string): string => BASE.replace('trust:\n', `trust:\n  ${name}: ${entry}\n`);
const withTarget = (name: string, entry: string): string =>
  BASE.replace('targets:\n', `targets:\n  ${name}: ${entry}\n`);
const OIDC = 'kind: oidc, issuer: https://i.example, subjects: people';

describe('what is not built', () => {
  it('loads without any of it', () => {
    expect(problems(load(withSource('people', `{ ${OIDC} }`)))).toEqual([]);
    expect(problems(load(withTarget('other', '{ kind: token, audience: x }')))).toEqual([]);
  });

  it.each([
    ['only', withSource('p', `{ ${OIDC}, only: { a: b } }`), 'trust.p.only: `only` is not built yet'],
    ['kind aws', withTarget('t', '{ kind: aws, role: x }'), 'targets.t.kind: is not one of its values; allowed: token'],
    [
      'an option of a kind',
      BASE.replace('prod.json }', 'prod.json, url: https://b.example }'),
      'trust.mesh.bundle.url: bundle endpoints are not built yet',
    ],
  ])('is refused by name and never ignored: %s', (_, text, problem) => {
    expect(problems(load(text)).map((one) => one.replace(/^\S+ /, ''))).toEqual([problem]);
  });
});

describe('what sources and folders may reach', () => {
  it.each([
    ['a source', withSource('p', `{ ${OIDC}, reach: [ledger] }`), []],
    [
      'a source that reaches what is not there',
      withSource('p', `{ ${OIDC}, reach: [ledgr] }`),
      ['trust.p.reach[0]: ledgr is no target; did you mean ledger?'],
    ],
    ['a folder', BASE.replace('./policies', '{ path: ./policies, trust: [mesh], reach: [ledger] }'), []],
    [
      'a folder of a source and a target that are not there',
      BASE.replace('./policies', '{ path: ./policies, trust: [mess], reach: [lake] }'),
      ['policies[0].trust[0]: mess is no trust source; did you mean mesh?', 'policies[0].reach[0]: lake is no target'],
    ],
    [
      'a folder without its path',
      BASE.replace('./policies', '{ trust: [mesh] }'),
      ['policies[0].path: is missing: must be text'],
    ],
  ])('is names of theirs: %s', (_, text, expected) => {
    expect(problems(load(text)).map((one) => one.replace(/^\S+ /, ''))).toEqual(expected);
  });
});

describe('names and values', () => {
  it.each(['a', 'a1-b', 'a'.repeat(63)])('takes %s as the name of a source', (name) => {
    expect(problems(load(withSource(name, `{ ${OIDC} }`)))).toEqual([]);
  });

  it.each(['A', '1a', 'a_b', 'a.b', '-a', 'a'.repeat(64), 'a:b', '"a b"'])(
    'does not take %s as the name of a source',
    (name) => {
      expect(problems(load(withSource(name, `{ ${OIDC} }`)))).toEqual([
        expect.stringContaining('is no name for a source'),
      ]);
    },
  );

  it.each(['clients', 'spiffe', 'wimse', 'http', 'https', 'urn'])('keeps the name %s for itself', (name) => {
    expect(problems(load(withSource(name, `{ ${OIDC} }`)))).toEqual([
      `exchequer.yaml:8:3 trust.${name}: is a reserved name for a source`,
    ]);
  });

  it.each([['8443'], ['localhost'], ['a:65536'], ['::1:80'], ['[::1]'], ['a b:80'], ['https://a:80'], ['a:-1']])(
    'does not take %s as an address to listen on',
    (address) => {
      expect(problems(load(BASE.replace('0.0.0.0:8443', `"${address}"`)))).toEqual([
        'exchequer.yaml:3:3 listen.address: must be a host and a port, such as 0.0.0.0:8443 or [::]:8443',
      ]);
    },
  );

  it('takes exactly one audience', () => {
    expect(problems(load(withSource('p', `{ ${OIDC}, audience: [a, b] }`)))).toEqual([
      expect.stringContaining('trust.p.audience: must be exactly one value, in text'),
    ]);
  });

  it('needs at least one source and one target', () => {
    const text = BASE.replace(/trust:\n( .*\n)+/, 'trust: {}\n').replace(/targets:\n( .*\n)+/, 'targets: {}\n');
    expect(problems(load(text))).toEqual([
      'exchequer.yaml:7:1 trust: must name at least one source',
      'exchequer.yaml:8:1 targets: must name at least one target',
    ]);
  });
});

describe('clashes', () => {
  const message = (text: string) => problems(load(text)).map((one) => one.replace(/^\S+ /, ''));

  it('takes two sources with one issuer only where their audiences differ', () => {
    const second = (more: string) => withSource('p', `{ ${OIDC} }\n  q: { ${OIDC}${more} }`);
    expect(message(second(', audience: other'))).toEqual([]);
    expect(message(second(''))).toEqual(['trust.q: has the issuer and the audience of `p`']);
    expect(message(second(', audience: https://sts.acme.example'))).toEqual([
      'trust.q: has the issuer and the audience of `p`',
    ]);
    expect(message(second(', audience: other, otherAudiences: allow'))).toEqual([
      'trust.q: has the issuer of `p`, and `otherAudiences: allow` leaves open which of them a token is for',
    ]);
  });

  it('takes one source for a trust domain, whatever the audience', () => {
    const other = (domain: string) =>
      BASE.replace(
        'targets:',
        `  more: { kind: spiffe, trustDomain: ${domain}, audience: x, bundle: { file: ./bundles/prod.json } }\ntargets:`,
      );
    expect(message(other('dev.acme.example'))).toEqual([]);
    expect(message(other('prod.acme.example'))).toEqual(['trust.more: has the trust domain of `mesh`']);
  });

  it('takes no source that has our own issuer', () => {
    expect(message(withSource('p', '{ kind: oidc, issuer: https://sts.acme.example, subjects: people }'))).toEqual([
      'trust.p: has our own issuer; own tokens are the source `self`',
    ]);
  });

  it.each([
    ['https://api.acme.example/ledger'],
    ['HTTPS://API.acme.example/ledger'],
    ['https://api.acme.example:443/ledger'],
  ])('RI-04: takes no two targets with one address, such as %s', (audience) => {
    expect(message(BASE.replace('policies:', `  two: { kind: token, audience: ${audience} }\npolicies:`))).toEqual([
      'targets.two: has the address of `ledger`',
    ]);
  });

  it('RI-04: takes two addresses that differ in their path', () => {
    expect(
      message(
        BASE.replace('policies:', '  two: { kind: token, audience: https://api.acme.example/Ledger }\npolicies:'),
      ),
    ).toEqual([]);
  });

  it.each([['https://sts.acme.example'], ['https://STS.acme.example/']])(
    'takes no target whose address is our issuer: %s',
    (audience) => {
      expect(message(withTarget('t', `{ kind: token, audience: "${audience}" }`))).toEqual([
        'targets.t: has our own issuer as its address',
      ]);
    },
  );

  it('takes no target that has the name of another as its address', () => {
    expect(message(withTarget('t', '{ kind: token, audience: ledger }'))).toEqual([
      'targets.t: has the name of another target as its address',
    ]);
    expect(message(withTarget('t', '{ kind: token, audience: t }'))).toEqual([]);
  });
});
