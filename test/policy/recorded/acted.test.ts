// Records of requests in which somebody acts, against another policy: who acts and acted before is taken from the record, and what it does
// not say is not told.

import { describe, expect, it } from 'vitest';
import type { Delegation } from '../../../src/core/decision.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import type { Principal } from '../../../src/core/principal.ts';
import type { CompiledPolicy } from '../../../src/policy/compiled.ts';
import { createPolicy } from '../../../src/policy/decide.ts';
import { createComparison } from '../../../src/policy/recorded/against.ts';
import { readRecorded } from '../../../src/policy/recorded/recorded.ts';
import { createReplay } from '../../../src/policy/recorded/replay.ts';
import {
  ALL_SOURCES,
  delegated,
  NOW,
  ownToken,
  person,
  policyOf,
  principalOf,
  workload,
} from '../../support/policy.ts';
import { lineOf, REPLAY_NAMES } from '../../support/recorded.ts';

const AGENT = workload('ns/agent');
const FIRST = 'https://first.example';
const ACCEPT = 'accept: { impersonation: "a test" }';
const policy = (...rules: readonly string[]): CompiledPolicy =>
  policyOf(`rules:\n${rules.map((one, index) => `  - { name: r${index}, ${one} }\n`).join('')}`, {
    sources: ALL_SOURCES,
  });

const ALICE = 'subject: { trust: people, sub: alice }';
const OWN = `subject: { trust: self, self: { aud: ${FIRST}, sub: "people:*" } }`;
const CLIENT = 'actor: client, client: gateway';
const TOKEN = 'actor: { trust: mesh, sub: spiffe://example.org/ns/agent }, client: gateway';
const LEDGER = 'allow: { ledger: all }';

interface Asked {
  readonly subject?: Principal;
  readonly delegation?: Delegation<Principal>;
  readonly scopes?: readonly string[];
}

const GATEWAY = {
  id: 'gateway',
  method: 'client_secret_basic',
  principal: principalOf('clients', { sub: 'gateway' }),
} as const;

/** What would become of a request that one policy decided, by another; `change`: what a record is made to lack. */
function against(
  before: CompiledPolicy,
  after: CompiledPolicy,
  { subject = person(), ...asked }: Asked,
  change: (line: Record<string, unknown>) => object = (line) => line,
) {
  const line = lineOf(createPolicy(before), { subject, targets: ['ledger'], client: GATEWAY, ...asked });
  const recorded = readRecorded(JSON.parse(JSON.stringify(change(JSON.parse(line)))));
  if (recorded.is !== 'decided') throw new Error(`the record does not read: ${recorded.is}`);
  const clients = new Map([['gateway', { proofRequired: false }]]);
  return createComparison(after, createReplay({ ...REPLAY_NAMES, policy: after, clients }))(recorded.request);
}

/** An own token that somebody acted in. */
const acted = (earlier: readonly Principal[], claims: JsonObject = {}): Asked => {
  const act = earlier.reduceRight<JsonObject | undefined>(
    (inner, { issuer, subject }) => ({ iss: issuer, sub: subject, ...(inner ? { act: inner } : {}) }),
    undefined,
  );
  return {
    subject: ownToken(FIRST, 'people:alice', { ...(act ? { act } : {}), scope: 'read write', ...claims }),
    delegation: delegated(undefined, earlier, { scopesMax: ['read', 'write'] }),
  };
};

describe('a record of an actor token', () => {
  const asked = { delegation: delegated(AGENT) };

  it('is decided on with that actor', () => {
    const rule = `${ALICE}, ${TOKEN}, ${LEDGER}`;
    expect(against(policy(rule), policy(rule), asked)).toEqual({ is: 'same' });
    expect(against(policy(rule), policy(rule.replace('ns/agent', 'ns/other')), asked)).toEqual({
      is: 'refused',
      reasons: ['no_rule'],
      rule: undefined,
    });
    expect(against(policy(rule.replace('ns/agent', 'ns/other')), policy(rule), asked)).toMatchObject({
      is: 'granted',
      rule: 'r0',
    });
    const never = 'anyone: { trust: mesh, sub: spiffe://example.org/ns/agent }, deny: all';
    expect(against(policy(rule), policy(rule, never), asked)).toEqual({
      is: 'refused',
      reasons: ['target_denied'],
      rule: 'r1',
    });
  });

  it('is refused where the source of the actor is gone', () => {
    const rule = `${ALICE}, ${TOKEN}, ${LEDGER}`;
    const without = policyOf(`rules: [{ name: r, ${ALICE}, ${CLIENT}, ${LEDGER} }]`, {
      sources: ALL_SOURCES.filter(({ name }) => name !== 'mesh'),
    });
    expect(against(policy(rule), without, asked)).toMatchObject({ is: 'refused', reasons: ['issuer_unknown'] });
  });

  it('does not tell what hangs on claims of the actor that nobody recorded', () => {
    const worker = principalOf('idp', { sub: 'w', team: 'red' });
    const rule = (claims: string) =>
      policy(`${ALICE}, actor: { trust: idp, sub: w${claims} }, client: gateway, ${LEDGER}`);
    const idp = { delegation: delegated(worker) };
    expect(against(rule(''), rule(''), idp)).toEqual({ is: 'same' });
    expect(against(rule(''), rule(', claims: { team: red }'), idp)).toEqual({ is: 'untold', open: ['actor team'] });
  });
});

describe('a record of a client that acts', () => {
  it('changes where it is no longer named, or is another', () => {
    const before = policy(`${ALICE}, ${CLIENT}, ${LEDGER}`);
    expect(against(before, before, {})).toEqual({ is: 'same' });
    expect(against(before, policy(`${ALICE}, impersonate: true, client: gateway, ${ACCEPT}, ${LEDGER}`), {})).toEqual({
      is: 'changed',
      rule: 'r0',
      parts: ['actors'],
    });
  });
});

describe('a record of a chain', () => {
  const hop = policy(`${OWN}, ${CLIENT}, ${LEDGER}`);
  const never = policy(
    `${OWN}, ${CLIENT}, ${LEDGER}`,
    'anyone: { trust: mesh, sub: spiffe://example.org/ns/agent }, deny: all',
  );

  it('knows who acted before, of what was granted and of what was refused', () => {
    expect(against(hop, hop, acted([AGENT]))).toEqual({ is: 'same' });
    expect(against(hop, never, acted([AGENT]))).toMatchObject({ is: 'refused', rule: 'r1' });
    expect(against(hop, never, acted([workload('ns/other')]))).toEqual({ is: 'same' });
    expect(against(hop, never, acted([workload('ns/other'), AGENT]))).toMatchObject({ is: 'refused', rule: 'r1' });
    expect(against(never, hop, acted([AGENT]))).toMatchObject({ is: 'granted' });
  });

  // The exchange found whoever is in a token of ours by the name that another source gave, and its replay did not.
  it('A-142 finds whom a token of ours is about where they are denied for anyone', () => {
    const denied = (sub: string) =>
      policy(`${OWN}, ${CLIENT}, ${LEDGER}`, `anyone: { trust: people, sub: ${sub} }, deny: all`);
    expect(against(hop, denied('alice'), acted([]))).toMatchObject({ is: 'refused', rule: 'r1' });
    expect(against(hop, denied('bob'), acted([]))).toEqual({ is: 'same' });
    // And where a claim that another rule asks for has no recorded value.
    const partly = (line: Record<string, unknown>) => ({ ...line, otherClaims: ['team'] });
    const red = `${OWN.replace(/ }$/, ', claims: { team: red } }')}, ${CLIENT}, ${LEDGER}`;
    const never = 'anyone: { trust: people, sub: alice }, deny: all';
    expect(against(hop, policy(red), acted([]), partly)).toEqual({ is: 'untold', open: ['team'] });
    expect(against(hop, policy(red, never), acted([]), partly)).toMatchObject({ is: 'refused' });
  });

  it('is not told where the record lost it, and nobody acted where the token named nobody', () => {
    const without = ({ actors: _, ...line }: Record<string, unknown>) => line;
    expect(against(hop, never, acted([AGENT]), without)).toEqual({ is: 'untold', open: ['act'] });
    expect(against(hop, never, acted([]))).toEqual({ is: 'same' });
  });

  it('A-137 has no more scopes than it had', () => {
    const narrow = policy(`${OWN}, ${CLIENT}, allow: { ledger: [read] }`);
    expect(against(narrow, hop, { ...acted([]), scopes: ['write'] })).toMatchObject({ is: 'granted' });
    expect(against(narrow, hop, { ...acted([]), scopes: ['admin'] })).toEqual({ is: 'same' });
    const lost = ({ claims, ...line }: Record<string, unknown>) => ({ ...line, leftOut: ['claims'] });
    expect(against(narrow, hop, { ...acted([]), scopes: ['write'] }, lost)).toMatchObject({ is: 'untold' });
  });
});

describe('a record of a person', () => {
  const before = policy(`${ALICE}, ${CLIENT}, ${LEDGER}`);
  const after = policy(`${ALICE}, ${CLIENT}, ${LEDGER}, confirm: { acr: [mfa], maxAge: 5m }`);
  const asked = (claims: JsonObject) => ({ subject: person(claims) });

  it('says whether what must now be confirmed had been, at that time', () => {
    expect(against(before, after, asked({ acr: 'mfa', auth_time: NOW - 300 }))).toEqual({ is: 'same' });
    expect(against(before, after, asked({ acr: 'mfa', auth_time: NOW - 301 }))).toEqual({
      is: 'refused',
      reasons: ['confirmation_wanted'],
      rule: undefined,
    });
    expect(against(before, after, asked({}))).toMatchObject({ reasons: ['confirmation_wanted'] });
    expect(against(after, before, asked({}))).toMatchObject({ is: 'granted' });
  });

  it('that names how, and not when, is not told', () => {
    const named = ({ claims, ...line }: Record<string, unknown>) => ({
      ...line,
      claims: (claims as { path: string[] }[]).filter(({ path }) => path[0] !== 'auth_time'),
      otherClaims: ['auth_time'],
    });
    expect(against(before, after, asked({ acr: 'mfa', auth_time: NOW }), named)).toEqual({
      is: 'untold',
      open: ['acr', 'auth_time'],
    });
  });
});
