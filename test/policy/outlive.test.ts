// How far a cloud's credential may outlive what it is made from, decided: for a workload all of its rule's time; where a person, or one of
// our own tokens, is the subject or acts, the cloud's floor (DESIGN of lifetimes, docs/clouds/aws.md).

import { describe, expect, it } from 'vitest';
import type { Principal } from '../../src/core/principal.ts';
import { createPolicy } from '../../src/policy/decide.ts';
import {
  ALL_SOURCES,
  clientNamed,
  delegated,
  person,
  policyOf,
  question,
  target,
  workload,
} from '../support/policy.ts';

const RULES = `rules:
  - { name: alone, subject: { trust: mesh, sub: spiffe://example.org/ns/agent }, allow: [role, strict] }
  - name: acted
    subject: { trust: people, sub: alice }
    actor: { trust: mesh, sub: spiffe://example.org/ns/agent }
    client: gateway
    allow: [role]
  - name: person-acts
    subject: { trust: mesh, sub: spiffe://example.org/ns/agent }
    actor: { trust: people, sub: alice }
    client: gateway
    allow: [role]
`;
const cloud = { floorSeconds: 900, outlive: true };
const policy = createPolicy(
  policyOf(RULES, {
    sources: ALL_SOURCES,
    targets: [target('role', { cloud }), target('strict', { cloud: { ...cloud, outlive: false } })],
  }),
);
const AGENT = workload('ns/agent');

function outliveOf(subject: Principal, asked = 'role', actor?: Principal) {
  const more = actor ? { client: clientNamed('gateway'), delegation: delegated(actor) } : {};
  const decision = policy.decide(question(subject, asked, more));
  return decision.granted ? decision.grant.outlive : decision.refusal.reason;
}

describe('a credential of a cloud may outlive what it was made from', () => {
  it('for as long as it is granted, where a workload has it', () => {
    expect(outliveOf(AGENT)).toEqual({ floorSeconds: 900, upTo: 'lifetime' });
  });

  it('up to the floor, where it is about a person', () => {
    expect(outliveOf(person(), 'role', AGENT)).toEqual({ floorSeconds: 900, upTo: 'floor' });
  });

  // Once only the subject was looked at.
  it('up to the floor, where a person acts', () => {
    expect(outliveOf(AGENT, 'role', person())).toEqual({ floorSeconds: 900, upTo: 'floor' });
  });

  it('not at all, where the target says so', () => {
    expect(outliveOf(AGENT, 'strict')).toEqual({ floorSeconds: 900, upTo: 'nothing' });
  });
});
