// What is read off a policy against what it decides: a principal is granted a target where an entry of who-can holds for it, and where what
// `can` makes of its name does, and nowhere else.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AskingClient } from '../../../src/core/decision.ts';
import type { Principal } from '../../../src/core/principal.ts';
import { claimKey } from '../../../src/core/record.ts';
import { render } from '../../../src/parsing/template.ts';
import { captureFrom } from '../../../src/policy/capture.ts';
import type { CompiledPolicy } from '../../../src/policy/compiled.ts';
import { createPolicy } from '../../../src/policy/decide.ts';
import { holds } from '../../../src/policy/evaluate.ts';
import { type Can, can } from '../../../src/policy/walk/can.ts';
import { type Knowledge, type KnowledgeOf, knowing, UNKNOWN } from '../../../src/policy/walk/known.ts';
import { type Cut, type Entry, whoCan } from '../../../src/policy/walk/walk.ts';
import { readIdentity } from '../../../src/verifiers/name-read.ts';
import { CLIENTS, NOW, question } from '../../support/policy.ts';
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
  fc.record({ subject: fc.constant(subject), client: clientOf(subject), ask: asks }),
);
const scenes = fc.array(scene, { minLength: 60, maxLength: 60 });

interface Asked {
  readonly subject: Principal;
  readonly client: AskingClient | undefined;
  readonly scopes: readonly string[] | undefined;
}

/** Whether a deny that was listed fires. */
function fires({ rule, of, source, conditions }: Cut, { subject, client }: Asked): boolean {
  if (rule.clients && !(client && rule.clients.includes(client.id))) return false;
  const who = of === 'subject' ? subject : client?.principal;
  return who?.source === source && conditions.every((condition) => holds(condition, who.claims) !== 'false');
}

/** Whether what was listed comes to a grant, when the rest is what a decision says of several rules. */
function grants(
  listed: readonly (Entry & { readonly met: boolean; readonly cuts: readonly Cut[] })[],
  asked: Asked,
): boolean {
  const rendering = listed.filter(({ met, rule }) => met && rule.mode !== 'preview');
  if (new Set(rendering.map(({ target }) => target)).size !== 1) return false;
  if (rendering.some(({ cuts }) => cuts.some((cut) => fires(cut, asked)))) return false;
  const granting = rendering.filter(({ scopes, target }) =>
    (asked.scopes ?? target.defaultScopes).every((scope) => scopes.includes(scope)),
  );
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

const fitsClient = ({ rule }: Entry, { subject, client }: Asked): boolean =>
  rule.clients
    ? client !== undefined && rule.clients.includes(client.id)
    : client === undefined || client.principal.name === subject.name;

const byWhoCan = (policy: CompiledPolicy, target: string, asked: Asked): boolean =>
  grants(
    (whoCan(policy, { target, scopes: undefined, now: NOW })?.entries ?? []).map((entry) => ({
      ...entry,
      met:
        entry.source === asked.subject.source &&
        fitsClient(entry, asked) &&
        entry.conditions.every((condition) => holds(condition, asked.subject.claims) === 'true'),
    })),
    asked,
  );

const clients = CLIENTS.map((id) => {
  const { source, name, claims } = worldPrincipal('clients', { sub: id });
  return { id, principal: { source, name, knowledge: knowing(claims) } };
});

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

const canHave = (policy: CompiledPolicy, { name }: Principal): readonly Can[] =>
  can(policy, { subject: byName(name), clients, scopes: undefined, now: NOW });

function byCan(policy: CompiledPolicy, target: string, asked: Asked): boolean {
  const { subject, client } = asked;
  const listed = canHave(policy, subject).filter((one) => one.target.name === target && one.client === client?.id);
  return grants(
    listed.map((one) => ({
      ...one,
      met: one.open.every((condition) => holds(condition, subject.claims) === 'true'),
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
        for (const { subject, client, ask } of all) {
          const [target = ''] = ask.targets;
          if (!policy.targets.some(({ name }) => name === target)) continue;
          const asked = { subject, client, scopes: ask.scopes };
          const { granted } = createPolicy(policy).decide(
            question(subject, target, { ...(ask.scopes && { scopes: ask.scopes }), ...(client && { client }) }),
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
        for (const { subject, client } of all) {
          const asked = { subject, client, scopes: undefined };
          const decision = createPolicy(policy).decide(question(subject, address, client ? { client } : {}));
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
