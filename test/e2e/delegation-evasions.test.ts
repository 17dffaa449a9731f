// Ways around a deny and a revocation that were open once: each is tried again, and beside it stands what was refused all along.

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formOf, JWT_TYPE } from '../support/broker.ts';
import { JWT_SPIFFE } from '../support/clients.ts';
import {
  ASSISTANT,
  type DelegationBroker,
  HOPS,
  MESH,
  ONE_API,
  RESEARCHER,
  startDelegationBroker,
} from '../support/delegation-broker.ts';
import { commandOver } from '../support/own-token-broker.ts';

const GOES_ON = 'actor: client, client: one-api, allow: { two: all }';
const RULES = `
  - name: agents-themselves
    subject: { trust: mesh, sub: "spiffe://prod.example/ns/agents/sa/*" }
    allow: { one: all }
  - { name: workers-themselves, subject: { trust: login, sub: worker-1 }, allow: { one: all } }
  - { name: agents-go-on, subject: { trust: self, self: { aud: ${HOPS.one}, sub: "${MESH}/ns/agents/sa/*" } }, ${GOES_ON} }
  - { name: pods-go-on, subject: { trust: self, self: { aud: ${HOPS.one}, sub: "cluster:system:serviceaccount:payments:api" } }, ${GOES_ON} }
  - { name: workers-go-on, subject: { trust: self, self: { aud: ${HOPS.one}, sub: "login:worker-1" } }, ${GOES_ON} }
  - { name: never-74, anyone: { trust: github, github: { repository_id: 74 } }, deny: [two] }
  - { name: never-payments, anyone: { trust: cluster, kubernetes: { namespace: payments } }, deny: [two] }
  - { name: never-the-assistant, anyone: { trust: mesh, sub: ${ASSISTANT} }, deny: [two] }
`;

let broker: DelegationBroker;
beforeAll(async () => {
  broker = await startDelegationBroker(RULES);
}, 30_000);
afterAll(() => broker?.stop());

/** What its client gets for the next hop, for a token of the first. */
const goOn = async ({ said, token }: { readonly said: string; readonly token: string }) => {
  expect(said).toBe('granted');
  return (await broker.ask(ONE_API, { subject_token: token, audience: 'two' })).said;
};
const forPerson = async (actor: string) => goOn(await broker.acted(await broker.staffToken(), actor));
const forItself = async (credential: string) =>
  goOn(await broker.ask({ form: {} }, { subject_token: credential, audience: 'one' }));

describe('A-142 a deny for anyone finds whoever acted before', () => {
  // An earlier actor had no claims but `iss` and `sub`, so that a deny by id or by namespace was left behind by one more exchange.
  it('by the ids that the name of a job tells', async () => {
    expect(await forPerson(await broker.job())).toBe('invalid_target target_denied');
    expect(broker.lastRecord()).toMatchObject({ evidence: { rule: 'never-74' } });
  });

  it('by the namespace that the name of a pod tells', async () => {
    expect(await forPerson(await broker.pod())).toBe('invalid_target target_denied');
    expect(broker.lastRecord()).toMatchObject({ evidence: { rule: 'never-payments' } });
  });

  it('by a SPIFFE ID, as before; and nobody whom it does not mean', async () => {
    expect(await forPerson(await broker.svid(ASSISTANT))).toBe('invalid_target target_denied');
    expect(await forPerson(await broker.svid(RESEARCHER))).toBe('granted');
  });
});

describe('A-142 a deny for anyone finds whom a token of ours is about', () => {
  // A token of ours was of the source `self` and of no other: who had one for itself first came where it was denied.
  it.each([
    ['a workload by its SPIFFE ID', () => broker.svid(ASSISTANT), 'never-the-assistant'],
    ['a pod by its namespace', () => broker.pod(), 'never-payments'],
  ])('%s', async (_who, credential, rule) => {
    expect(await forItself(await credential())).toBe('invalid_target target_denied');
    expect(broker.lastRecord()).toMatchObject({ evidence: { rule } });
  });

  it('and nobody whom it does not mean', async () => {
    expect(await forItself(await broker.svid(RESEARCHER))).toBe('granted');
    expect(await forItself(await broker.worker())).toBe('granted');
  });

  it('as an actor too', async () => {
    const [subject_token, pod] = [await broker.staffToken(), await broker.pod()];
    const first = await broker.ask({ form: {} }, { subject_token: pod, audience: 'one' });
    const acting = { actor_token: first.token, actor_token_type: JWT_TYPE };
    const { said, record } = await broker.ask(ONE_API, { subject_token, audience: 'two', ...acting });
    expect(said).toBe('invalid_target target_denied');
    expect(record).toMatchObject({ evidence: { rule: 'never-payments' } });
  });
});

describe('a revoked actor', () => {
  const ROBOT = `${MESH}/ns/fleet/robot`;
  const asActor = async (svid: string) => (await broker.acted(await broker.staffToken(), svid)).said;
  const clientOf = (client_assertion: string) => ({
    client_id: 'fleet',
    client_assertion_type: JWT_SPIFFE,
    client_assertion,
  });
  const asClient = async (svid: string) =>
    (await broker.ask({ form: clientOf(svid) }, { subject_token: await broker.staffToken(), audience: 'two' })).said;

  // Its credential was refused as an actor token, and acted all the same where it authenticated the client.
  it('does not act as a client either, by a credential from before, and does by one from after', async () => {
    const [before, undated] = [await broker.svid(ROBOT), await broker.svid(ROBOT, { iat: undefined })];
    expect([await asClient(before), await asClient(undated)]).toEqual(['granted', 'granted']);
    const revoked = await commandOver(join(broker.folder, 'run', 'control.sock'), '/revoke', {
      what: 'actor',
      of: ROBOT,
      why: 'its key was stolen',
    });
    expect(revoked.status).toBe(200);
    for (const svid of [before, undated]) {
      expect(await asActor(svid)).toBe('invalid_request withdrawn');
      expect(await asClient(svid)).toBe('invalid_request withdrawn');
    }
    broker.clock.offsetSeconds += 2;
    const after = await broker.svid(ROBOT);
    expect([await asActor(after), await asClient(after)]).toEqual(['invalid_request no_rule', 'granted']);
  });

  it('may still ask where it does not act: what it asks for is not in its name', async () => {
    const call = {
      method: 'POST',
      path: '/introspect',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    };
    const svid = await broker.svid(ROBOT, { iat: broker.now() - 60 });
    expect(await asClient(svid)).toBe('invalid_request withdrawn');
    expect((await broker.call(call, formOf({ token: 'x', ...clientOf(svid) }))).body).toEqual({ active: false });
  });
});
