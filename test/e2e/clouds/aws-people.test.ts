// A person, and an agent that acts for them, with a role of AWS: AWS's own log shows both, as session name, as tags and as source identity.

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  ASSISTANT,
  type DelegationBroker,
  HARD,
  KONG,
  ONE_API,
  startDelegationBroker,
} from '../../support/delegation-broker.ts';
import { type FakeAws, openFakeAws } from '../../support/fake-aws.ts';

const ROLE = 'arn:aws:iam::111122223333:role/reports';
const RULES = `  - name: agents-in-aws
    subject: { trust: staff, sub: [alice, bob] }
    actor: { trust: mesh, sub: ${ASSISTANT} }
    client: litellm
    allow: [reports, acted, untagged]
    lifetime: 2h
  - name: clients-in-aws
    subject: { trust: staff, sub: alice }
    actor: client
    client: kong
    allow: [reports]
  - name: one-goes-to-aws
    subject: { trust: self, self: { aud: https://one.example, sub: "staff:*" } }
    actor: client
    client: one-api
    allow: [reports]
  - name: nobody-acts
    subject: { trust: staff, sub: alice }
    impersonate: true
    accept: { impersonation: "shows that a target can refuse it" }
    client: hard
    allow: [reports, acted]
`;
const session = 'session: { tags: true, sourceIdentity: true, transitive: true }';

let aws: FakeAws;
let broker: DelegationBroker;
beforeAll(async () => {
  aws = await openFakeAws({ issuers: () => [broker], now: () => broker.now() });
  const place = `region: eu-west-1, lifetime: 2h, endpoint: "https://localhost:${aws.port}", ca: ./aws-ca.crt`;
  broker = await startDelegationBroker(RULES, {
    files: { 'aws-ca.crt': aws.ca },
    world: { permitLoopback: true },
    targets: `  untagged: { kind: aws, role: "${ROLE}-untagged", ${session}, ${place} }
  reports: { kind: aws, role: "${ROLE}", ${session}, ${place} }
  acted: { kind: aws, role: "${ROLE}-acted", require: { actor: true }, ${place} }
`,
  });
});
afterAll(async () => {
  await broker.stop();
  await aws[Symbol.asyncDispose]();
});
afterEach(() => aws.roles.clear());

const permit = () => aws.roles.set(ROLE, { tags: true, sourceIdentity: true, secondsMax: 7_200 });
/** Of a person, what a session shows. */
const shown = () => {
  const { name, tags, sourceIdentity, transitive, seconds } = aws.sessions.at(-1) ?? {};
  return { name, tags, sourceIdentity, transitive, seconds };
};

describe('a person and an agent in AWS', () => {
  it('CA-06 CA-07 both stand in the session: in its name, in its tags, and the person as source identity', async () => {
    permit();
    const { said, record } = await broker.acted(await broker.staffToken(), await broker.svid(ASSISTANT), {
      audience: 'reports',
    });
    expect(said).toBe('granted');
    expect(shown()).toEqual({
      name: 'staff+alice=7Cspiffe+,,prod.example,ns,agents,sa,assistant',
      sourceIdentity: 'staff+alice',
      tags: { subject: 'staff:alice', actor: ASSISTANT, decision: record.decision },
      transitive: ['subject', 'actor', 'decision'],
      // A person's token lives for five minutes, and AWS gives nothing shorter than fifteen.
      seconds: 900,
    });
    expect(record).toMatchObject({
      outcome: 'granted',
      target: 'reports',
      session: { principal: aws.sessions.at(-1)?.arn },
    });
  });

  it('A-159 are told apart from another person with the same agent, and from the same person with a client', async () => {
    permit();
    const names: unknown[] = [];
    const agent = () => broker.svid(ASSISTANT);
    await broker.acted(await broker.staffToken(), await agent(), { audience: 'reports' });
    names.push(shown().name);
    await broker.acted(await broker.staffToken({ sub: 'bob' }), await agent(), { audience: 'reports' });
    names.push(shown().name);
    const { said } = await broker.ask(KONG, { subject_token: await broker.staffToken(), audience: 'reports' });
    expect(said).toBe('granted');
    expect(shown().tags).toMatchObject({ subject: 'staff:alice', actor: expect.stringMatching(/=23kong$/) });
    names.push(shown().name);
    expect(new Set(names).size).toBe(3);
  });

  it('stay in the session where a service exchanges the token that it was called with', async () => {
    permit();
    const first = await broker.acted(await broker.staffToken(), await broker.svid(ASSISTANT));
    expect(first.said).toBe('granted');
    const { said } = await broker.ask(ONE_API, { subject_token: first.token, audience: 'reports' });
    expect(said).toBe('granted');
    expect(shown()).toMatchObject({
      sourceIdentity: 'staff+alice',
      tags: { subject: 'staff:alice', actor: expect.stringMatching(/=23one-api$/) },
    });
  });

  it('are refused where the role permits no tags: nobody is left out so that it works', async () => {
    const asked = async () =>
      (await broker.acted(await broker.staffToken(), await broker.svid(ASSISTANT), { audience: 'untagged' })).said;
    expect(await asked()).toBe('invalid_target cloud_refused');
    aws.roles.set(`${ROLE}-untagged`, { tags: true, sourceIdentity: true });
    expect(await asked()).toBe('granted');
  });

  it('are wanted by a target that says so', async () => {
    const alone = { subject_token: await broker.staffToken(), audience: 'acted' };
    expect((await broker.ask(HARD, alone)).said).toBe('invalid_target target_requirement_unmet');
    const acted = await broker.acted(await broker.staffToken(), await broker.svid(ASSISTANT), { audience: 'acted' });
    expect(acted.said).toBe('granted');
  });
});
