// `explain` and the running broker about requests in which somebody acts: what is said first is what the broker refuses for.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JWT_TYPE } from '../support/broker.ts';
import { ENVIRONMENT, SECRETS } from '../support/client-broker.ts';
import { basicEncoded } from '../support/clients.ts';
import {
  ASSISTANT,
  type Authenticated,
  type DelegationBroker,
  HARD,
  LITELLM,
  MESH,
  ONE_API,
  RESEARCHER,
  startDelegationBroker,
  TWO_API,
} from '../support/delegation-broker.ts';
import { runProgram } from '../support/program.ts';

const CONFIRMED = `
  - name: confirmed
    subject: { trust: staff, sub: bob }
    actor: client
    client: hard
    confirm: { acr: [mfa], maxAge: 10m }
    allow: { two: [read] }
  - { name: never-researchers, anyone: { trust: mesh, sub: ${RESEARCHER} }, deny: [two] }
`;
const KONG: Authenticated = { headers: { authorization: basicEncoded('kong', SECRETS.kong) } };

let broker: DelegationBroker;
beforeAll(async () => {
  broker = await startDelegationBroker(CONFIRMED);
}, 30_000);
afterAll(() => broker?.stop());

interface Scene {
  readonly subject: () => Promise<string>;
  readonly actor?: () => Promise<string>;
  readonly client: readonly [id: string, how: Authenticated];
  readonly target?: string;
  readonly first: string;
}

/** What `explain` says first, and what the broker recorded. */
async function both({ subject, actor, client: [id, how], target = 'one' }: Scene) {
  const [subjectToken, actorToken] = [await subject(), await actor?.()];
  const [file, actorFile] = ['subject.jwt', 'actor.jwt'].map((name) => join(broker.folder, name));
  writeFileSync(file ?? '', subjectToken);
  writeFileSync(actorFile ?? '', actorToken ?? '');
  const said = await runProgram(
    [
      ...['explain', '--config', join(broker.folder, 'exchequer.yaml'), '--token-file', file ?? '', '--client', id],
      ...['--target', target, ...(actorToken === undefined ? [] : ['--actor-token-file', actorFile ?? ''])],
    ],
    ENVIRONMENT,
  );
  expect(said.err).toEqual([]);
  const first = said.out.find((line) => /^(?:refused|allowed) /.test(line)) ?? '';
  const ended = await broker.ask(how, {
    subject_token: subjectToken,
    ...(actorToken === undefined ? {} : { actor_token: actorToken, actor_token_type: JWT_TYPE }),
    audience: target,
  });
  return { first, exits: said.exits, recorded: ended.record.reason ?? 'granted', out: said.out };
}

const svid = (id: string) => () => broker.svid(id);
const staff =
  (claims = {}) =>
  () =>
    broker.staffToken(claims);
/** An own token for `one`, about alice, with the assistant in it. */
const acted = async () => (await broker.acted(await broker.staffToken(), await broker.svid(ASSISTANT))).token;

describe('explain', () => {
  it.each<readonly [string, Scene]>([
    [
      'an agent that a rule names',
      {
        subject: staff(),
        actor: svid(ASSISTANT),
        client: ['litellm', LITELLM],
        first: 'allowed   one with read for at most 300 s, by agents-for-people',
      },
    ],
    [
      'an agent that none names',
      {
        subject: staff(),
        actor: svid(`${MESH}/ns/agents/sa/other`),
        client: ['litellm', LITELLM],
        first:
          'refused   no_rule: nearest agents-for-people (AT): actor sub was "spiffe://prod.example/ns/agents/sa/other", must be',
      },
    ],
    [
      'no agent where a rule wants one',
      {
        subject: staff(),
        client: ['litellm', LITELLM],
        first:
          'refused   no_rule: nearest agents-for-people (AT): actor was absent, must be an actor token; it wants an actor token: --actor or --actor-token-file says who acts',
      },
    ],
    [
      'TX-50 the subject itself',
      {
        subject: () => broker.pod(),
        actor: () => broker.pod({ jti: 'another' }),
        client: ['litellm', LITELLM],
        first:
          'refused   actor_is_subject: cluster: actor was "cluster:system:serviceaccount:payments:api", must be anybody but "cluster:system:serviceaccount:payments:api"; nobody acts for itself: leave the actor token out',
      },
    ],
    [
      'an actor token that has expired',
      {
        subject: staff(),
        actor: () => broker.svid(ASSISTANT, { exp: broker.now() - 40 }),
        client: ['litellm', LITELLM],
        first: 'refused   expired: actor of mesh: exp was ',
      },
    ],
    [
      'TX-45 somebody else than may_act means',
      {
        subject: staff({ may_act: { iss: MESH, sub: RESEARCHER } }),
        actor: svid(ASSISTANT),
        client: ['litellm', LITELLM],
        first:
          'refused   may_act_unmet: staff: actor was "spiffe://prod.example/ns/agents/sa/assistant", must be whom may_act of the subject\'s token means: ',
      },
    ],
    [
      'TX-45 nobody, where may_act means somebody',
      {
        subject: staff({ may_act: { iss: MESH, sub: RESEARCHER } }),
        client: ['hard', HARD],
        first: 'refused   may_act_unmet: staff: actor was "clients:hard", must be whom may_act',
      },
    ],
    [
      'an actor token where the rule impersonates',
      {
        subject: staff(),
        actor: svid(ASSISTANT),
        client: ['hard', HARD],
        target: 'three',
        first:
          'refused   no_rule: nearest in-their-own-name (AT): actor was "spiffe://prod.example/ns/agents/sa/assistant", must be none; nobody is named who acts by this rule: leave the actor token out',
      },
    ],
    [
      'an own token, by the client that acts',
      {
        subject: acted,
        client: ['one-api', ONE_API],
        target: 'two',
        first: 'allowed   two with read for at most ',
      },
    ],
    [
      'an own token, by a client that is registered for others',
      {
        subject: acted,
        client: ['two-api', TWO_API],
        target: 'two',
        first:
          'refused   client_not_presenter: client two-api: presents was "https://two.example", must be "https://one.example"',
      },
    ],
    [
      'A-142 whoever a deny finds in the chain',
      {
        subject: async () => (await broker.acted(await broker.staffToken(), await broker.svid(RESEARCHER))).token,
        client: ['one-api', ONE_API],
        target: 'two',
        first:
          'refused   target_denied: never-researchers (AT) denies it: earlier actor sub was "spiffe://prod.example/ns/agents/sa/researcher", must be anything but "spiffe://prod.example/ns/agents/sa/researcher"',
      },
    ],
    [
      'a person who has not confirmed',
      {
        subject: staff({ sub: 'bob', acr: 'mfa', auth_time: 1_000_000_000 }),
        client: ['hard', HARD],
        target: 'two',
        first: 'refused   confirmation_wanted: nearest confirmed (AT): auth_time was ',
      },
    ],
    [
      'a client that does not act by its rule',
      {
        subject: staff({ sub: 'carol' }),
        client: ['kong', KONG],
        target: 'two',
        first: 'refused   no_rule: nearest clients-for-people (AT): sub was "carol", must be "alice" or "bob"',
      },
    ],
  ])('says of %s what the broker does', async (_, scene) => {
    const { first, exits, recorded } = await both(scene);
    // A second may have gone.
    const said = first.replace(/\(policies[^)]+\)/, '(AT)').replace('at most 299 s', 'at most 300 s');
    expect(said).toContain(scene.first);
    const reason = scene.first.startsWith('allowed') ? 'granted' : /^refused\s+(\w+):/.exec(scene.first)?.[1];
    expect(recorded).toBe(reason);
    expect(exits).toEqual([reason === 'granted' ? 0 : 1]);
  });

  it('names everybody: who acts, who acted before, and the chain that would be issued', async () => {
    const { out } = await both({ subject: acted, client: ['one-api', ONE_API], target: 'two', first: '' });
    expect(out).toEqual(
      expect.arrayContaining([
        'subject   staff:alice',
        `acted     ${ASSISTANT}`,
        `acting    one-api, for ${ASSISTANT}`,
      ]),
    );
  });

  it('takes an actor by name, and says what is wrong with a name', async () => {
    const file = join(broker.folder, 'subject.jwt');
    writeFileSync(file, await broker.staffToken());
    const said = (actor: string, ...more: readonly string[]) =>
      runProgram(
        [
          ...[
            'explain',
            '--config',
            join(broker.folder, 'exchequer.yaml'),
            '--token-file',
            file,
            '--client',
            'litellm',
          ],
          ...['--target', 'one', '--actor', actor, ...more],
        ],
        ENVIRONMENT,
      );
    const named = await said(ASSISTANT);
    expect(named.out).toEqual(
      expect.arrayContaining([`actor     ${ASSISTANT}`, expect.stringContaining('by agents-for-people')]),
    );
    expect(named.exits).toEqual([0]);
    const pod = await said('cluster:system:serviceaccount:payments:api');
    expect(pod.out).toEqual(expect.arrayContaining([expect.stringContaining('by pods-for-people')]));
    expect(await said('nobody:x')).toMatchObject({
      exits: [3],
      err: [expect.stringContaining('in the name of no source')],
    });
    expect(await said(ASSISTANT, '--actor-token-file', file)).toMatchObject({
      exits: [2],
      err: ['one of --actor and --actor-token-file says who acts'],
    });
  });
});
