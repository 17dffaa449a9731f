// One recorded request against another policy or configuration: what flips, what stays, what cannot be told, and why. What generated
// policies show is in against.property.test.ts.

import { describe, expect, it } from 'vitest';
import type { Json } from '../../../src/core/json.ts';
import type { Principal } from '../../../src/core/principal.ts';
import { createPolicy } from '../../../src/policy/decide.ts';
import { createComparison } from '../../../src/policy/recorded/against.ts';
import { readRecorded } from '../../../src/policy/recorded/recorded.ts';
import { createReplay } from '../../../src/policy/recorded/replay.ts';
import { CLIENTS_SOURCE, githubJob, NOW, policyOf, principalOf, SOURCES, TARGETS } from '../../support/policy.ts';
import { type Asking, lineOf, REPLAY_NAMES } from '../../support/recorded.ts';

const site = (address: string) => ({
  ...{ name: 'site', kind: 'token', address, parameters: ['site'], scopes: [], defaultScopes: [] },
  lifetimeSecondsMax: 300,
});
const WORLD = { sources: [...SOURCES, CLIENTS_SOURCE], targets: [...TARGETS, site('https://sites.example/<site>')] };

const RULES = `rules:
  - { name: main, subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }, allow: { deploy: all, ledger: [read] } }
  - { name: gate, subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }, client: gateway, allow: [deploy] }
  - { name: site, subject: { trust: github, github: { repository_id: 74, ref: refs/heads/<site> } }, allow: [site] }
  - { name: pod, subject: { trust: eks, kubernetes: { namespace: payments, serviceaccount: api } }, allow: [deploy] }
`;
const JOB: Asking = { subject: githubJob(), targets: ['deploy'] };

interface After {
  readonly rules?: string;
  readonly world?: Partial<typeof WORLD>;
  readonly clients?: Readonly<Record<string, boolean>>;
  /** What the record lost, or had otherwise. */
  readonly line?: Readonly<Record<string, Json | undefined>>;
}

function against(asking: Asking, { rules = RULES, world = {}, clients = { gateway: false }, line = {} }: After = {}) {
  const written = JSON.parse(lineOf(createPolicy(policyOf(RULES, WORLD)), asking));
  const recorded = readRecorded(JSON.parse(JSON.stringify({ ...written, ...line })));
  if (recorded.is !== 'decided') throw new Error(recorded.is);
  const policy = policyOf(rules, { ...WORLD, ...world });
  const registered = new Map(Object.entries(clients).map(([id, proofRequired]) => [id, { proofRequired }]));
  return createComparison(policy, createReplay({ ...REPLAY_NAMES, policy, clients: registered }))(recorded.request);
}

const without = (name: string): string =>
  RULES.split('\n')
    .filter((line) => !line.includes(`name: ${name},`))
    .join('\n');
const SAME = { is: 'same' };

describe('a grant against another configuration', () => {
  it('stays where nothing changed, and where another rule grants the same', () => {
    expect(against(JOB)).toEqual(SAME);
    expect(against(JOB, { rules: RULES.replace('name: main', 'name: renamed') })).toEqual(SAME);
  });

  it('is refused where its rule is gone, or where a deny is new', () => {
    expect(against(JOB, { rules: without('main') })).toEqual({
      is: 'refused',
      reasons: ['target_not_allowed'],
      rule: undefined,
    });
    const deny = `${RULES}  - { name: never, subject: { trust: github, github: { actor: octocat } }, deny: all }\n`;
    expect(against(JOB, { rules: deny })).toEqual({ is: 'refused', reasons: ['target_denied'], rule: 'never' });
  });

  it('is refused where its source is gone, or requires what it has not', () => {
    const others = WORLD.sources.filter(({ name }) => name !== 'eks');
    const pod = principalOf('eks', {
      'kubernetes.io': { namespace: 'payments', serviceaccount: { name: 'api', uid: 'u' } },
    });
    const asking: Asking = { subject: pod, targets: ['deploy'] };
    expect(against(asking)).toEqual(SAME);
    expect(against(asking, { rules: without('pod'), world: { sources: others } })).toEqual({
      is: 'refused',
      reasons: ['issuer_unknown'],
      rule: undefined,
    });
    const requiring = (require: object) =>
      against(JOB, {
        world: { sources: WORLD.sources.map((one) => (one.name === 'github' ? { ...one, require } : one)) },
      });
    expect(requiring({ repository_owner_id: 65, event_name: 'push' })).toEqual(SAME);
    expect(requiring({ repository_owner_id: 66 })).toEqual({
      is: 'refused',
      reasons: ['requirement_unmet'],
      rule: undefined,
    });
  });

  it('is refused where its client is gone', () => {
    const principal: Principal = {
      source: 'clients',
      kind: 'client',
      issuer: 'https://sts.example',
      subject: 'gateway',
      name: 'clients:gateway',
      claims: { sub: 'gateway' },
    };
    const asking: Asking = { ...JOB, client: { id: 'gateway', method: 'private_key_jwt', principal } };
    expect(against(asking)).toEqual(SAME);
    expect(against(asking, { clients: {} })).toEqual({
      is: 'refused',
      reasons: ['client_credential_refused'],
      rule: undefined,
    });
  });

  it('changes where it would end earlier than what was issued, but not for the time that the request took', () => {
    const ending = (lifetime: string) =>
      against(JOB, { rules: RULES.replace('allow: { deploy', `lifetime: ${lifetime}, allow: { deploy`) });
    expect(ending('1m')).toEqual({ is: 'changed', rule: 'main', parts: ['lifetime'] });
    expect(ending('290s')).toEqual(SAME);
    expect(ending('10m')).toEqual(SAME);
  });

  it('changes where the target has other scopes by default, or another address for what was asked by name', () => {
    const ledger: Asking = { subject: githubJob(), targets: ['ledger'] };
    const targets = WORLD.targets.map((one) =>
      one.name === 'ledger' ? { ...one, defaultScopes: ['read', 'write'] } : one,
    );
    const rules = RULES.replace('[read]', 'all');
    expect(against(ledger, { rules })).toEqual(SAME);
    expect(against(ledger, { rules, world: { targets } })).toEqual({ is: 'changed', rule: 'main', parts: ['scopes'] });
    const named: Asking = { subject: githubJob({ ref: 'refs/heads/shop' }), targets: ['site'] };
    expect(against(named)).toEqual(SAME);
    const other = RULES.replace('ref: refs/heads/<site> }', 'ref: refs/heads/shop }').replace(
      'name: site,',
      'name: site, with: { site: depot },',
    );
    expect(against(named, { rules: other })).toEqual({ is: 'changed', rule: 'site', parts: ['parameters'] });
  });

  it('changes where it would be bound, and is refused where it could not be', () => {
    const targets = WORLD.targets.map((one) => (one.name === 'deploy' ? { ...one, require: { proof: true } } : one));
    expect(against({ ...JOB, mtls: 'thumb' }, { world: { targets } })).toEqual({
      is: 'changed',
      rule: 'main',
      parts: ['binding'],
    });
    expect(against(JOB, { world: { targets } })).toEqual({
      is: 'refused',
      reasons: ['target_requirement_unmet'],
      rule: undefined,
    });
  });

  it('of a dry run has nothing that could end too early', () => {
    const rules = RULES.replace('allow: { deploy', 'lifetime: 1m, allow: { deploy');
    expect(against(JOB, { rules, line: { jti: undefined, exp: undefined, dryRun: true } })).toEqual(SAME);
  });

  it('is asked for what was granted where the record lost what was asked', () => {
    expect(against(JOB, { line: { asked: undefined, leftOut: ['asked'] } })).toEqual(SAME);
    expect(against(JOB, { line: { asked: undefined, scopes: undefined } })).toEqual({ is: 'untold', open: ['asked'] });
  });
});

describe('a refusal against another configuration', () => {
  const dev: Asking = { subject: githubJob({ ref: 'refs/heads/dev' }), targets: ['https://api.example/deploy'] };
  const allowing = RULES.replace(
    '{ repository_id: 74, ref: refs/heads/main }',
    '{ repository_id: 74, ref: refs/heads/* }',
  );

  it('stays, or is granted', () => {
    expect(against(dev)).toEqual(SAME);
    expect(against(dev, { rules: allowing })).toEqual({ is: 'granted', rule: 'main', target: 'deploy' });
  });

  it('knows a target again by the hash of its address, and cannot tell one that it does not know', () => {
    const long = `https://api.example/${'x'.repeat(300)}`;
    const targets = WORLD.targets.map((one) => (one.name === 'deploy' ? { ...one, address: long } : one));
    const hashed: Asking = { ...dev, targets: [long] };
    expect(against(hashed, { rules: allowing, world: { targets } })).toEqual({
      is: 'granted',
      rule: 'main',
      target: 'deploy',
    });
    expect(against(hashed, { rules: allowing })).toEqual({ is: 'untold', open: ['asked'] });
  });

  it('cannot be told where the record lost what was asked, or a rule names what was not recorded', () => {
    expect(against(dev, { rules: allowing, line: { asked: undefined } })).toEqual({ is: 'untold', open: ['asked'] });
    const team = allowing.replace('refs/heads/* }', 'refs/heads/* }, claims: { team: red }');
    expect(against(dev, { rules: team })).toEqual(SAME);
    const red = { ...dev, subject: githubJob({ ref: 'refs/heads/dev', team: 'red' }) };
    expect(against(red, { rules: team })).toEqual({ is: 'untold', open: ['team'] });
    expect(against(dev, { rules: team, line: { leftOut: ['claims: 1'] } })).toEqual({ is: 'untold', open: ['team'] });
  });

  it('of a client that signs JWT-SVIDs is not told by other claims of these', () => {
    const svid = principalOf('mesh', { sub: 'spiffe://example.org/gateway' });
    const deny = `${allowing}  - { name: never, anyone: { trust: mesh, claims: { env: test } }, deny: all }\n`.replace(
      'client: gateway',
      'client: batch',
    );
    const through = (method: 'spiffe_jwt' | 'spiffe_x509'): Asking => ({
      ...dev,
      client: { id: 'batch', method, principal: svid },
    });
    const gated = deny.replace(
      'name: gate, subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }',
      'name: gate, subject: { trust: github, github: { repository_id: 74, ref: refs/heads/dev } }',
    );
    const after = { rules: gated, clients: { batch: false } };
    expect(against(through('spiffe_x509'), after)).toEqual({ is: 'granted', rule: 'gate', target: 'deploy' });
    expect(against(through('spiffe_jwt'), after)).toEqual({ is: 'untold', open: ['env'] });
  });
});

it('judges by the time of the request', () => {
  const ended = RULES.replace('name: main,', 'name: main, until: 2026-09-20,');
  const ends = RULES.replace('name: main,', 'name: main, until: 2026-09-21,');
  expect(new Date(NOW * 1000).toISOString().slice(0, 10)).toBe('2026-09-21');
  expect(against(JOB, { rules: ends })).toEqual(SAME);
  expect(against(JOB, { rules: ended }).is).toBe('refused');
});
