// Clients in rules: who may ask for whom, who asks for itself, who is denied whoever they ask for, and what the trace says of it.

import { describe, expect, it } from 'vitest';
import type { AskingClient } from '../../../src/core/decision.ts';
import type { Principal } from '../../../src/core/principal.ts';
import { createPolicy } from '../../../src/policy/decide.ts';
import { explainQuestion } from '../../../src/policy/explain/explain.ts';
import {
  CLIENTS_SOURCE,
  githubJob,
  policyOf,
  principalOf,
  problemsOf,
  question,
  SOURCES,
} from '../../support/policy.ts';

const WORLD = { sources: [...SOURCES, CLIENTS_SOURCE] };
const RULE = 'subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }';

const principal = (id: string): Principal => ({
  source: 'clients',
  kind: 'client',
  issuer: 'https://sts.example',
  subject: id,
  name: `clients:${id}`,
  claims: { sub: id },
});
const client = (id: string): AskingClient => ({ id, principal: principal(id) });
/** A registered client that authenticates as a SPIFFE workload. */
const workload = (id: string): AskingClient => ({
  id,
  principal: principalOf('mesh', { sub: `spiffe://example.org/ns/${id}` }),
});

const compiled = (...rules: readonly string[]) =>
  policyOf(`rules:\n${rules.map((rule) => `  - ${rule}\n`).join('')}`, WORLD);
const decide = (rules: readonly string[], asked: ReturnType<typeof question>) =>
  createPolicy(compiled(...rules)).decide(asked);
const outcome = (rules: readonly string[], asking?: AskingClient) => {
  const decision = decide(rules, question(githubJob(), 'deploy', asking ? { client: asking } : {}));
  return decision.granted ? decision.grant.clientId : decision.refusal.reason;
};

describe('an allow rule', () => {
  const named = `{ name: named, ${RULE}, client: gateway, allow: [deploy] }`;
  const several = `{ name: several, ${RULE}, client: [gateway, batch], allow: [deploy] }`;
  const unnamed = `{ name: unnamed, ${RULE}, allow: [deploy] }`;

  it('that names a client is for requests through it, and for no other', () => {
    expect(outcome([named], client('gateway'))).toBe('gateway');
    expect(outcome([named], client('batch'))).toBe('no_rule');
    expect(outcome([named])).toBe('no_rule');
    expect(outcome([several], client('batch'))).toBe('batch');
  });

  it('that names none is for requests without a client', () => {
    expect(outcome([unnamed])).toBe(githubJob().name);
    expect(outcome([unnamed], client('gateway'))).toBe('no_rule');
    expect(outcome([named, unnamed], client('gateway'))).toBe('gateway');
  });

  it('compares ids whole, with their letter case', () => {
    for (const id of ['Gateway', 'gateway ', 'gateway2', 'clients:gateway', ''])
      expect(outcome([named], client(id)), id).toBe('no_rule');
  });

  it('about a client itself matches its request for itself, whatever the rule says of clients', () => {
    const asked = (subject: AskingClient) => question(subject.principal, 'deploy', { client: subject });
    const itself = '{ name: itself, subject: { trust: clients, sub: batch }, allow: [deploy] }';
    expect(decide([itself], asked(client('batch')))).toMatchObject({ granted: true, grant: { clientId: 'batch' } });
    expect(decide([itself], asked(client('gateway')))).toMatchObject({ granted: false });
    // Named or not: another client does not ask in its place.
    const through = { ...asked(client('batch')), client: client('gateway') };
    expect(decide([itself], through)).toMatchObject({ granted: false, refusal: { reason: 'no_rule' } });
    const explicit = itself.replace(', allow', ', client: batch, allow');
    expect(decide([explicit], asked(client('batch')))).toMatchObject({ granted: true });
    expect(decide([explicit], through)).toMatchObject({ granted: false });
  });

  it('shows in the trace which client was there, and which it wants', () => {
    const failed = (asking?: AskingClient) =>
      decide([named], question(githubJob(), 'deploy', asking ? { client: asking } : {})).trace[0]?.failed;
    expect(failed(client('batch'))).toEqual({
      part: 'client',
      what: 'client',
      presented: '"batch"',
      expected: '"gateway"',
    });
    expect(failed()).toEqual({ part: 'client', what: 'client', presented: undefined, expected: '"gateway"' });
    expect(decide([unnamed], question(githubJob(), 'deploy', { client: client('batch') })).trace[0]?.failed).toEqual({
      part: 'client',
      what: 'client',
      presented: '"batch"',
      expected: 'none',
    });
  });

  it('in preview says what it would do for that client alone', () => {
    const preview = named.replace('allow:', 'mode: preview, allow:');
    const would = (asking?: AskingClient) =>
      decide([preview], question(githubJob(), 'deploy', asking ? { client: asking } : {})).would;
    expect(would(client('gateway'))).toEqual([{ rule: 'named', would: 'allow' }]);
    expect([would(client('batch')), would()]).toEqual([[], []]);
  });
});

describe('a deny rule', () => {
  const allow = `{ name: a, ${RULE}, client: [gateway, batch], allow: [deploy] }`;
  const alone = `{ name: b, ${RULE}, allow: [deploy] }`;

  it('that names a client denies through it only', () => {
    const deny = '{ name: d, subject: { trust: github, claims: { actor: octocat } }, client: gateway, deny: all }';
    expect(outcome([allow, deny], client('gateway'))).toBe('target_denied');
    expect(outcome([allow, deny], client('batch'))).toBe('batch');
    expect(outcome([alone, deny])).toBe(githubJob().name);
  });

  it('that names none denies through every client, and without one', () => {
    const deny = '{ name: d, subject: { trust: github, claims: { actor: octocat } }, deny: all }';
    expect(outcome([allow, deny], client('gateway'))).toBe('target_denied');
    expect(outcome([alone, deny])).toBe('target_denied');
    expect(outcome([alone, deny.replace('octocat', 'mallory')])).toBe(githubJob().name);
  });

  it('about anyone denies by the identity of the client, registered or a workload', () => {
    const batch = '{ name: d, anyone: { trust: clients, sub: batch }, deny: all }';
    expect(outcome([allow, batch], client('batch'))).toBe('target_denied');
    expect(outcome([allow, batch], client('gateway'))).toBe('gateway');
    const mesh = '{ name: d, anyone: { trust: mesh, sub: spiffe://example.org/ns/batch }, deny: [deploy] }';
    expect(outcome([allow, mesh], workload('batch'))).toBe('target_denied');
    expect(outcome([allow, mesh], workload('gateway'))).toBe('gateway');
  });

  it('about a subject never fires by the identity of the client', () => {
    const deny = '{ name: d, subject: { trust: clients, sub: batch }, deny: all }';
    expect(outcome([allow, deny], client('batch'))).toBe('batch');
    const itself = '{ name: i, subject: { trust: clients, sub: batch }, allow: [deploy] }';
    const asked = question(principal('batch'), 'deploy', { client: client('batch') });
    expect(decide([itself, deny], asked)).toMatchObject({ refusal: { reason: 'target_denied', rule: 'd' } });
    expect(decide([itself], asked)).toMatchObject({ granted: true });
  });

  it('is explained for whoever it fires', () => {
    const deny = '{ name: d, anyone: { trust: clients, sub: batch }, deny: all }';
    const explained = (asking: AskingClient) =>
      explainQuestion(compiled(allow, deny), question(githubJob(), 'deploy', { client: asking })).rules.find(
        ({ rule }) => rule === 'd',
      )?.failed;
    expect(explained(client('batch'))).toBeUndefined();
    expect(explained(client('gateway'))).toMatchObject({ part: 'source' });
  });
});

describe('the text of a rule', () => {
  const problems = (rule: string) => problemsOf(`rules:\n  - ${rule}\n`, { ...WORLD, clients: ['gateway', 'batch'] });

  it('names registered clients, or says which it may have meant, where it stands', () => {
    expect(problems(`{ name: a, ${RULE}, client: gateway, allow: [deploy] }`)).toEqual([]);
    const [one] = problems(`{ name: a, ${RULE}, client: gatewy, allow: [deploy] }`);
    expect(one).toMatch(/^2:\d+ rules\[0\]\.client gatewy is no client; did you mean gateway\?$/);
    const [two] = problems(`{ name: a, ${RULE}, client: [gateway, bacth], allow: [deploy] }`);
    expect(two).toMatch(/^2:\d+ rules\[0\]\.client\[1\] bacth is no client; did you mean batch\?$/);
  });

  it('has no patterns, no empty list and no other form', () => {
    for (const written of ['"*"', '"gate*"', '[]', '""', '{ id: gateway }', '7'])
      expect(problems(`{ name: a, ${RULE}, client: ${written}, allow: [deploy] }`), written).not.toEqual([]);
  });

  it('pins a client that is the subject by its id', () => {
    expect(problems('{ name: a, subject: { trust: clients, sub: batch }, allow: [deploy] }')).toEqual([]);
    expect(problems('{ name: a, subject: { trust: clients }, allow: [deploy] }')).toHaveLength(1);
    expect(problems('{ name: a, subject: { trust: clients, sub: "*" }, allow: [deploy] }')).toHaveLength(1);
  });
});
