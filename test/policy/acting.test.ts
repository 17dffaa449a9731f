// Who acts, decided: whom an actor token proves, the client, or nobody; who acted before, and never allows anything; and whom a deny finds
// in whatever role he stands.

import { describe, expect, it } from 'vitest';
import type { AskingClient, Delegation } from '../../src/core/decision.ts';
import type { Principal } from '../../src/core/principal.ts';
import { createPolicy } from '../../src/policy/decide.ts';
import {
  ALL_SOURCES,
  clientNamed,
  delegated,
  githubJob,
  ownToken,
  person,
  policyOf,
  principalOf,
  question,
  TARGETS,
  target,
  workload,
} from '../support/policy.ts';

const WORLD = { sources: ALL_SOURCES };
const ACCEPT = 'accept: { impersonation: "a pilot" }';
const rulesOf = (...rules: readonly string[]) =>
  createPolicy(policyOf(`rules:\n${rules.map((one) => `  - { ${one} }\n`).join('')}`, WORLD));

const ALICE = 'subject: { trust: people, sub: alice }';
const byToken = (name = 'token', more = 'allow: [deploy]') =>
  `name: ${name}, ${ALICE}, actor: { trust: mesh, sub: spiffe://example.org/ns/agent }, client: gateway, ${more}`;
const byClient = (name = 'client', more = 'allow: [deploy]') =>
  `name: ${name}, ${ALICE}, actor: client, client: gateway, ${more}`;
const impersonating = (name = 'impersonation', more = 'allow: [deploy]') =>
  `name: ${name}, ${ALICE}, impersonate: true, client: gateway, ${ACCEPT}, ${more}`;

const AGENT = workload('ns/agent');
const OTHER = workload('ns/other');
const GATEWAY = clientNamed('gateway');

type Policy = ReturnType<typeof createPolicy>;
interface Asked {
  readonly subject?: Principal;
  readonly client?: AskingClient;
  readonly delegation?: Delegation<Principal>;
  readonly target?: string;
}

const decide = (policy: Policy, { subject = person(), target: asked = 'deploy', ...more }: Asked) =>
  policy.decide(question(subject, asked, more));

/** The rule that grants, and who acts in it; or the reason, and where the nearest rule failed. */
function outcome(policy: Policy, asked: Asked): string {
  const decision = decide(policy, asked);
  if (!decision.granted) {
    const { refusal } = decision;
    const nearest = 'nearest' in refusal ? refusal.nearest : undefined;
    return [refusal.reason, ...(nearest ? [nearest.part, nearest.what] : [])].join(' ');
  }
  const { rule, actors } = decision.grant;
  return [rule.name, ...actors.map(({ sub }) => sub)].join(' < ');
}

describe('who acts', () => {
  const wrongActor = 'no_rule actor actor sub';
  const noActor = 'no_rule actor actor';
  it.each<readonly [string, string, Asked, string]>([
    ['token', 'its actor', { client: GATEWAY, delegation: delegated(AGENT) }, 'token < spiffe://example.org/ns/agent'],
    ['token', 'another actor', { client: GATEWAY, delegation: delegated(OTHER) }, wrongActor],
    [
      'token',
      'an actor of another source',
      { client: GATEWAY, delegation: delegated(githubJob()) },
      'no_rule actor actor trust',
    ],
    ['token', 'no actor', { client: GATEWAY }, noActor],
    [
      'token',
      'another client',
      { client: clientNamed('batch'), delegation: delegated(AGENT) },
      'no_rule client client',
    ],
    ['token', 'no client', { delegation: delegated(AGENT) }, 'no_rule client client'],
    ['client', 'its client', { client: GATEWAY }, 'client < gateway'],
    ['client', 'another client', { client: clientNamed('batch') }, 'no_rule client client'],
    ['client', 'no client', {}, noActor],
    ['client', 'an actor token', { client: GATEWAY, delegation: delegated(AGENT) }, noActor],
    ['impersonation', 'its client', { client: GATEWAY }, 'impersonation'],
    ['impersonation', 'another client', { client: clientNamed('batch') }, 'no_rule client client'],
    ['impersonation', 'an actor token', { client: GATEWAY, delegation: delegated(AGENT) }, noActor],
  ])('TX-44 by a rule of %s with %s', (by, _title, asked, expected) => {
    const policy = rulesOf({ token: byToken(), client: byClient(), impersonation: impersonating() }[by] ?? '');
    expect(outcome(policy, asked)).toBe(expected);
  });

  it('a rule that names no actor matches only requests without one, and subjects for whom nobody acts', () => {
    const policy = rulesOf(
      'name: job, subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }, client: gateway, allow: [deploy]',
    );
    const job = { subject: githubJob(), client: GATEWAY };
    expect(outcome(policy, job)).toBe('job');
    expect(outcome(policy, { ...job, delegation: delegated(AGENT) })).toBe(noActor);
    expect(outcome(policy, { ...job, delegation: delegated(undefined, [AGENT]) })).toBe(noActor);
  });

  it('a rule that names no client is for one that is the actor itself', () => {
    const rule = byToken().replace(', client: gateway', '');
    const policy = rulesOf(rule);
    const asked = { delegation: delegated(AGENT) };
    expect(outcome(policy, { ...asked, client: clientNamed('gateway', AGENT) })).toBe(
      'token < spiffe://example.org/ns/agent',
    );
    expect(outcome(policy, { ...asked, client: GATEWAY })).toBe('no_rule client client');
    expect(outcome(policy, { ...asked, client: clientNamed('gateway', OTHER) })).toBe('no_rule client client');
  });

  it('a client that is the subject acts for nobody: what it gets has no `act`', () => {
    const policy = rulesOf(
      'name: r, subject: { trust: clients, sub: gateway }, actor: client, client: gateway, allow: [deploy]',
    );
    expect(outcome(policy, { subject: GATEWAY.principal, client: GATEWAY })).toBe('r');
  });

  it('is named by the grant as proved, beside the chain', () => {
    const decision = decide(rulesOf(byToken()), { client: GATEWAY, delegation: delegated(AGENT) });
    expect(decision).toMatchObject({ granted: true, grant: { actor: AGENT, clientId: 'gateway' } });
    expect(decision.granted && decision.grant.actors).toEqual([
      { iss: 'spiffe://example.org', sub: 'spiffe://example.org/ns/agent', others: {} },
    ]);
  });
});

describe('who acted before', () => {
  it('TX-42 never allows: a rule for an actor does not match one who acts no longer', () => {
    const policy = rulesOf(byToken());
    expect(outcome(policy, { client: GATEWAY, delegation: delegated(AGENT, [OTHER]) })).toBe(
      'token < spiffe://example.org/ns/agent < spiffe://example.org/ns/other',
    );
    expect(outcome(policy, { client: GATEWAY, delegation: delegated(OTHER, [AGENT]) })).toBe('no_rule actor actor sub');
    expect(outcome(policy, { client: GATEWAY, delegation: delegated(undefined, [AGENT]) })).toBe('no_rule actor actor');
    const ofClient = rulesOf(byClient());
    const before = delegated(undefined, [GATEWAY.principal]);
    expect(outcome(ofClient, { client: clientNamed('batch'), delegation: before })).toBe('no_rule client client');
  });

  it('TX-43 A-147 stays in the chain, in order, whoever acts now', () => {
    const policy = rulesOf(byClient());
    expect(outcome(policy, { client: GATEWAY, delegation: delegated(undefined, [AGENT, OTHER]) })).toBe(
      'client < gateway < spiffe://example.org/ns/agent < spiffe://example.org/ns/other',
    );
  });

  it('TX-43 and acts still is not added again', () => {
    const already = delegated(undefined, [GATEWAY.principal, AGENT]);
    expect(outcome(rulesOf(byClient()), { client: GATEWAY, delegation: already })).toBe(
      'client < gateway < spiffe://example.org/ns/agent',
    );
    expect(outcome(rulesOf(byToken()), { client: GATEWAY, delegation: delegated(AGENT, [AGENT, OTHER]) })).toBe(
      'token < spiffe://example.org/ns/agent < spiffe://example.org/ns/other',
    );
  });

  it('TX-43 TX-44 is dropped by no impersonation', () => {
    const asked = { client: GATEWAY, delegation: delegated(undefined, [AGENT, OTHER]) };
    expect(outcome(rulesOf(impersonating()), asked)).toBe(
      'impersonation < spiffe://example.org/ns/agent < spiffe://example.org/ns/other',
    );
  });
});

describe('TX-45 where the subject says who may act', () => {
  const restricted = (actor?: Principal) => delegated(actor, [], { restricted: true });
  it('nobody is impersonated, and no rule without an actor matches', () => {
    expect(outcome(rulesOf(impersonating()), { client: GATEWAY, delegation: restricted() })).toBe(
      'no_rule actor actor',
    );
    const job = rulesOf(
      'name: job, subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }, client: gateway, allow: [deploy]',
    );
    expect(outcome(job, { subject: githubJob(), client: GATEWAY, delegation: restricted() })).toBe(
      'no_rule actor actor',
    );
  });

  it('whoever is meant acts only where a rule lets him', () => {
    expect(outcome(rulesOf(byToken()), { client: GATEWAY, delegation: restricted(AGENT) })).toBe(
      'token < spiffe://example.org/ns/agent',
    );
    expect(outcome(rulesOf(byToken()), { client: GATEWAY, delegation: restricted(OTHER) })).toBe(
      'no_rule actor actor sub',
    );
    expect(outcome(rulesOf(byClient()), { client: GATEWAY, delegation: restricted() })).toBe('client < gateway');
  });
});

describe('of several rules that grant', () => {
  const long = 'allow: { ledger: all }, lifetime: 1h';
  const short = 'allow: { ledger: all }, lifetime: 1m';

  it('TX-44 one that names who acts comes before one that impersonates, however long that grants', () => {
    const policy = rulesOf(byClient('z', short), impersonating('a', long));
    expect(outcome(policy, { client: GATEWAY, target: 'ledger' })).toBe('z < gateway');
    const retired = rulesOf(byClient('z', `${short}, mode: retire`), impersonating('a', long));
    expect(outcome(retired, { client: GATEWAY, target: 'ledger' })).toBe('a');
  });

  it('one that names who acts comes before one that leaves it out', () => {
    const job = 'subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }, client: gateway';
    const policy = rulesOf(`name: a, ${job}, ${long}`, `name: z, ${job}, actor: client, ${short}`);
    expect(outcome(policy, { subject: githubJob(), client: GATEWAY, target: 'ledger' })).toBe('z < gateway');
  });

  it('in preview none is asked, and says what it would allow', () => {
    const policy = rulesOf(byClient('next', 'allow: [deploy], mode: preview'), impersonating('now'));
    const decision = decide(policy, { client: GATEWAY });
    expect(decision).toMatchObject({ granted: true, grant: { rule: { name: 'now' }, actors: [] } });
    expect(decision.would).toEqual([{ rule: 'next', would: 'allow' }]);
    expect(decide(policy, { client: clientNamed('batch') }).would).toEqual([]);
  });

  it('one to be retired says which rule came nearest', () => {
    const policy = rulesOf(byToken(), byClient('old', 'allow: [deploy], mode: retire'));
    const decision = decide(policy, { client: GATEWAY });
    expect(decision).toMatchObject({ granted: true, grant: { rule: { name: 'old' } } });
    expect(decision.would).toEqual([{ rule: 'old', would: 'refuse', nearest: 'token' }]);
  });
});

describe('a target that requires somebody who acts', () => {
  const targets = [target('deploy', { require: { actor: true }, lifetimeSecondsMax: 3600 }), ...TARGETS.slice(1)];
  const policy = (...rules: readonly string[]) =>
    createPolicy(policyOf(`rules:\n${rules.map((one) => `  - { ${one} }\n`).join('')}`, { ...WORLD, targets }));
  const unmet = 'target_requirement_unmet';

  it('is not had by impersonation, but where somebody acted before', () => {
    expect(outcome(policy(impersonating()), { client: GATEWAY })).toBe(unmet);
    expect(decide(policy(impersonating()), { client: GATEWAY })).toMatchObject({ refusal: { requirement: 'actor' } });
    const before = { client: GATEWAY, delegation: delegated(undefined, [AGENT]) };
    expect(outcome(policy(impersonating()), before)).toBe('impersonation < spiffe://example.org/ns/agent');
    expect(outcome(policy(byClient()), { client: GATEWAY })).toBe('client < gateway');
  });

  it('is had by the rule that names him, though another one would count otherwise', () => {
    const retire = byClient('old', 'allow: [deploy], lifetime: 1m, mode: retire');
    const both = policy(impersonating('a', 'allow: [deploy], lifetime: 1h'), retire);
    expect(outcome(both, { client: GATEWAY })).toBe('old < gateway');
  });

  it('is previewed by no rule without him', () => {
    const decision = decide(policy(byClient(), impersonating('next', 'allow: [deploy], mode: preview')), {
      client: GATEWAY,
    });
    expect(decision).toMatchObject({ granted: true, would: [] });
  });
});

describe('A-142 a deny for anyone', () => {
  const deny = (who: string, more = 'deny: all') => `name: never, ${who}, ${more}`;
  const AT = (path: string) => `{ trust: mesh, sub: spiffe://example.org/${path} }`;
  const asked = {
    client: clientNamed('gateway', workload('ns/gateway')),
    delegation: delegated(AGENT, [workload('ns/first'), workload('ns/second')]),
  };

  it.each(['ns/agent', 'ns/gateway', 'ns/first', 'ns/second'])('finds %s in its role', (path) => {
    const policy = rulesOf(byToken(), deny(`anyone: ${AT(path)}`));
    expect(decide(policy, asked)).toMatchObject({ refusal: { reason: 'target_denied', rule: 'never' } });
    // Beside it: the same claims in a deny that is about the subject alone.
    expect(outcome(rulesOf(byToken(), deny(`subject: ${AT(path)}`)), asked)).toContain('token < ');
    expect(outcome(rulesOf(byToken(), deny(`anyone: ${AT(path)}`, 'deny: [ledger]')), asked)).toContain('token < ');
  });

  it('finds the subject, and nobody who is not there', () => {
    const about = (sub: string) => rulesOf(byToken(), deny(`anyone: { trust: people, sub: ${sub} }`));
    expect(outcome(about('alice'), asked)).toBe('target_denied');
    expect(outcome(about('bob'), asked)).toContain('token < ');
    expect(outcome(rulesOf(byToken(), deny(`anyone: ${AT('ns/third')}`)), asked)).toContain('token < ');
  });

  it('of a client that acts finds it by its registration', () => {
    const policy = rulesOf(byClient(), deny('anyone: { trust: clients, sub: gateway }'));
    expect(outcome(policy, { client: GATEWAY })).toBe('target_denied');
    expect(outcome(policy, { client: clientNamed('gateway', AGENT) })).toBe('client < spiffe://example.org/ns/agent');
  });

  it('in preview says that it would, and changes nothing', () => {
    const decision = decide(rulesOf(byToken(), deny(`anyone: ${AT('ns/second')}`, 'deny: all, mode: preview')), asked);
    expect(decision).toMatchObject({ granted: true, would: [{ rule: 'never', would: 'deny' }] });
  });
});

describe('our own tokens', () => {
  const FIRST = 'https://api.example/first';
  const rule = (more: string) =>
    `name: hop, subject: { trust: self, self: { aud: ${FIRST}, sub: "people:*" } }, ${more}, allow: { ledger: all }`;
  const policy = rulesOf(rule('actor: client, client: gateway'));

  it('go on to the next audience with everybody who acted', () => {
    const asked = {
      subject: ownToken(FIRST, 'people:alice'),
      client: GATEWAY,
      delegation: delegated(undefined, [AGENT], { scopesMax: ['read'] }),
      target: 'ledger',
    };
    expect(outcome(policy, asked)).toBe('hop < gateway < spiffe://example.org/ns/agent');
    expect(outcome(policy, { ...asked, subject: ownToken('https://api.example/second', 'people:alice') })).toBe(
      'no_rule',
    );
    expect(outcome(policy, { ...asked, subject: ownToken(FIRST, 'eks:alice') })).toBe('no_rule pin sub');
    expect(outcome(policy, { ...asked, subject: ownToken(FIRST, 'people:a:b') })).toBe('no_rule pin sub');
  });

  it('A-137 never with more scope than they have: refused, and not cut down', () => {
    const ask = (scopes: readonly string[] | undefined, scopesMax: readonly string[] | undefined) => {
      const decision = policy.decide(
        question(ownToken(FIRST, 'people:alice'), 'ledger', {
          client: GATEWAY,
          delegation: delegated(undefined, [], { scopesMax }),
          ...(scopes && { scopes }),
        }),
      );
      return decision.granted ? decision.grant.scopes : decision.refusal;
    };
    expect(ask(['read'], ['read', 'write'])).toEqual(['read']);
    expect(ask(undefined, ['read'])).toEqual(['read']);
    expect(ask(['admin'], undefined)).toEqual(['admin']);
    expect(ask(['read', 'write'], ['read'])).toMatchObject({
      reason: 'scope_not_allowed',
      nearest: { rule: 'hop', part: 'scope', presented: '"write"', expected: '"read"' },
    });
    expect(ask(undefined, [])).toMatchObject({ reason: 'scope_not_allowed', nearest: { expected: 'none' } });
  });

  it('match no rule of the source that proved them first', () => {
    const origin = rulesOf(byClient());
    expect(outcome(origin, { subject: ownToken(FIRST, 'people:alice', { sub: 'alice' }), client: GATEWAY })).toBe(
      'no_rule',
    );
    expect(outcome(origin, { subject: principalOf('people', { sub: 'alice' }), client: GATEWAY })).toBe(
      'client < gateway',
    );
  });
});
