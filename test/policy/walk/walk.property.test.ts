// What is read off a policy against what it decides: a principal is granted a target where an entry of who-can holds for it, and where what
// `can` makes of its name does, and nowhere else.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { claimKey } from '../../../src/core/claim-path.ts';
import type { AskingClient, Delegation } from '../../../src/core/decision.ts';
import type { Principal } from '../../../src/core/principal.ts';
import { render } from '../../../src/parsing/template.ts';
import { actorsBy, failedActor } from '../../../src/policy/acting.ts';
import { captureFrom } from '../../../src/policy/capture.ts';
import type { CompiledPolicy } from '../../../src/policy/compiled.ts';
import { authenticatedBy, failedConfirm } from '../../../src/policy/confirm.ts';
import { createPolicy } from '../../../src/policy/decide.ts';
import { holds } from '../../../src/policy/evaluate.ts';
import { confirmsOf } from '../../../src/policy/judge.ts';
import { type Can, can } from '../../../src/policy/walk/can.ts';
import { type Knowledge, type KnowledgeOf, knowing, UNKNOWN } from '../../../src/policy/walk/known.ts';
import { type Cut, type Entry, whoCan } from '../../../src/policy/walk/walk.ts';
import { readIdentity } from '../../../src/verifiers/name-read.ts';
import { CLIENTS, NOW, question } from '../../support/policy.ts';
import { askingClients, delegationOf } from '../../support/policy-people-worlds.ts';
import {
  asks,
  clientOf,
  principal,
  rulesIn,
  WORLD_SOURCES,
  worldPolicy,
  worldPrincipal,
} from '../../support/policy-worlds.ts';

const scene = principal.chain((subject) =>
  fc.record({
    subject: fc.constant(subject),
    client: clientOf(subject),
    delegation: delegationOf(subject),
    ask: asks,
  }),
);
const scenes = fc.array(scene, { minLength: 60, maxLength: 60 });

interface Asked {
  readonly subject: Principal;
  readonly client: AskingClient | undefined;
  readonly delegation: Delegation<Principal>;
  readonly scopes: readonly string[] | undefined;
}

/** Whether a deny that was listed fires. */
function fires({ rule, of, source, conditions }: Cut, { subject, client, delegation }: Asked): boolean {
  if (rule.clients && !(client && rule.clients.includes(client.id))) return false;
  const who = {
    subject: [subject],
    client: client ? [client.principal] : [],
    actor: delegation.actor ? [delegation.actor] : [],
    earlier: delegation.nested,
  }[of];
  return who.some(
    (one) => one.source === source && conditions.every((condition) => holds(condition, one.claims) !== 'false'),
  );
}

/** What hangs on the request alone, and on no walk: scopes that the subject's own token has, a confirmation, an actor. */
function isMet({ rule, target, scopes }: Entry, { subject, delegation, scopes: asked, ...rest }: Asked): boolean {
  const wanted = asked ?? target.defaultScopes;
  const { scopesMax } = delegation;
  const confirms = confirmsOf(rule, target, asked);
  const authenticated = authenticatedBy(subject, ['people', 'self'].includes(subject.source));
  return (
    wanted.every((scope) => scopes.includes(scope) && scopesMax?.includes(scope) !== false) &&
    failedConfirm(confirms, authenticated, NOW) === undefined &&
    (!target.require.actor || actorsBy(rule.actor, { subject, delegation, ...rest }).length > 0)
  );
}

/** Whether what was listed comes to a grant, when the rest is what a decision says of several rules. */
function grants(
  listed: readonly (Entry & { readonly met: boolean; readonly cuts: readonly Cut[] })[],
  asked: Asked,
): boolean {
  const rendering = listed.filter(({ met, rule }) => met && rule.mode !== 'preview');
  if (new Set(rendering.map(({ target }) => target)).size !== 1) return false;
  if (rendering.some(({ cuts }) => cuts.some((cut) => fires(cut, asked)))) return false;
  const granting = rendering.filter((entry) => isMet(entry, asked));
  const staying = granting.filter(({ rule }) => rule.mode === 'enforce');
  const addresses = (staying.length > 0 ? staying : granting).map(({ rule, source, target }) => {
    const match = rule.matches.find((one) => one.source === source);
    const captured = match && captureFrom(match, asked.subject.claims);
    return render(target.address, {
      ...rule.parameters,
      ...(captured && 'parameters' in captured ? captured.parameters : {}),
    });
  });
  return new Set(addresses).size === 1;
}

const fits = ({ rule }: Entry, { subject, client, delegation }: Asked): boolean =>
  failedActor(rule.actor, { subject, client, delegation }, (truth) => truth === 'true') === undefined &&
  (rule.clients
    ? client !== undefined && rule.clients.includes(client.id)
    : client === undefined || [subject, delegation.actor].some((one) => one?.name === client.principal.name));

const byWhoCan = (policy: CompiledPolicy, target: string, asked: Asked): boolean =>
  grants(
    (whoCan(policy, { target, scopes: undefined, now: NOW })?.entries ?? []).map((entry) => ({
      ...entry,
      met:
        entry.source === asked.subject.source &&
        fits(entry, asked) &&
        entry.conditions.every((condition) => holds(condition, asked.subject.claims) === 'true'),
    })),
    asked,
  );

const known = ({ id, principal: { source, name, claims } }: AskingClient) => ({
  id,
  principal: { source, name, knowledge: knowing(claims) },
});
/** As those are proved who ask for jobs and pods, and as those who ask for people. */
const registered = CLIENTS.map((id) => known({ id, principal: worldPrincipal('clients', { sub: id }) }));
const clientsFor = ({ source }: Principal) =>
  ['people', 'self'].includes(source) ? askingClients.map(known) : registered;

/** What `can` knows of a principal: its name. */
function byName(name: string): { source: string; name: string; knowledge: KnowledgeOf } {
  const identity = readIdentity(WORLD_SOURCES, name);
  if (!identity.ok) throw new Error(identity.problem);
  const { claims, others } = identity.read;
  const told = new Map<string, Knowledge>([
    ...others.map(({ path, value }) => [claimKey(path), { is: 'other', than: value }] as const),
    ...claims.map(({ path, value }) => [claimKey(path), { is: 'known', value }] as const),
  ]);
  return { source: identity.source, name, knowledge: (path) => told.get(claimKey(path)) ?? UNKNOWN };
}

const canHave = (policy: CompiledPolicy, subject: Principal): readonly Can[] =>
  can(policy, { subject: byName(nameOf(subject)), clients: clientsFor(subject), scopes: undefined, now: NOW });

/** Own tokens are named by whom their source proved first: asked for as such, they are in the name of the source `self`. */
const nameOf = ({ source, name }: Principal): string => (source === 'self' ? `self:${name}` : name);

function byCan(policy: CompiledPolicy, target: string, asked: Asked): boolean {
  const { subject, client } = asked;
  const listed = canHave(policy, subject).filter((one) => one.target.name === target && one.client === client?.id);
  return grants(
    listed.map((one) => ({
      ...one,
      met: fits(one, asked) && one.open.every((condition) => holds(condition, subject.claims) === 'true'),
      cuts: one.denied ? [{ ...one.denied, conditions: [] }] : one.unless,
    })),
    asked,
  );
}

describe('who-can and can', () => {
  it('agree with decisions, for targets by name', () => {
    const seen = { granted: 0, refused: 0 };
    fc.assert(
      fc.property(rulesIn(), scenes, (rules, all) => {
        const policy = worldPolicy(rules);
        for (const { subject, client, delegation, ask } of all) {
          const [target = ''] = ask.targets;
          if (!policy.targets.some(({ name }) => name === target)) continue;
          const asked = { subject, client, delegation, scopes: ask.scopes };
          const { granted } = createPolicy(policy).decide(
            question(subject, target, {
              ...(ask.scopes && { scopes: ask.scopes }),
              ...(client && { client }),
              delegation,
            }),
          );
          seen[granted ? 'granted' : 'refused'] += 1;
          expect([byWhoCan(policy, target, asked), byCan(policy, target, asked)]).toEqual([granted, granted]);
        }
      }),
      { numRuns: 150 },
    );
    expect(seen.granted).toBeGreaterThan(50);
    expect(seen.refused).toBeGreaterThan(50);
  });

  it('agree with decisions, for targets by address', () => {
    let granted = 0;
    const addresses = ['https://x.example/shop/main', 'https://x.example/web/main', 'https://space.example/payments'];
    fc.assert(
      fc.property(rulesIn(), scenes, fc.constantFrom(...addresses), (rules, all, address) => {
        const policy = worldPolicy(rules);
        for (const { subject, client, delegation } of all) {
          const asked = { subject, client, delegation, scopes: undefined };
          const more = { delegation, ...(client && { client }) };
          const decision = createPolicy(policy).decide(question(subject, address, more));
          if (decision.granted) granted += 1;
          expect(byWhoCan(policy, address, asked)).toBe(decision.granted);
        }
      }),
      { numRuns: 150 },
    );
    expect(granted).toBeGreaterThan(12);
  });

  it('lists as sure only what holds for whoever has the name', () => {
    let sure = 0;
    let open = 0;
    fc.assert(
      fc.property(rulesIn(), fc.array(principal, { minLength: 20, maxLength: 20 }), (rules, subjects) => {
        const policy = worldPolicy(rules);
        for (const [subject, one] of subjects.flatMap((each) =>
          canHave(policy, each).map((had) => [each, had] as const),
        )) {
          const told = one.conditions.filter((condition) => !one.open.includes(condition));
          for (const condition of told) expect(holds(condition, subject.claims)).toBe('true');
          if (one.open.length === 0) sure += 1;
          else open += 1;
        }
      }),
      { numRuns: 150 },
    );
    expect(sure).toBeGreaterThan(50);
    expect(open).toBeGreaterThan(25);
  });
});
