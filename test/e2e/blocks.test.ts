// Blocks against a whole broker: whoever is blocked is refused in every role and every chain, from the command's answer on and until it is
// lifted; the operator learns by what, and the caller nothing.

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { JWT_TYPE } from '../support/broker.ts';
import {
  ASSISTANT,
  type DelegationBroker,
  KONG,
  LITELLM,
  MESH,
  ONE_API,
  RESEARCHER,
  startDelegationBroker,
} from '../support/delegation-broker.ts';
import { type OperatorSaid, operatorOf } from '../support/operator.ts';

let broker: DelegationBroker;
let operator: (...verb: readonly string[]) => Promise<OperatorSaid>;
beforeAll(async () => {
  broker = await startDelegationBroker();
  operator = operatorOf(broker);
}, 30_000);
afterAll(() => broker?.stop());
afterEach(async () => {
  broker.clock.offsetSeconds = 0;
  for (const { id, kind } of await inForce()) if (kind === 'block') await operator('unblock', id);
});

interface InForce {
  readonly id: string;
  readonly kind: string;
  readonly identity?: string;
  readonly why: string;
}
const inForce = async (): Promise<readonly InForce[]> =>
  (await operator('blocks', '--json')).json<{ withdrawals: InForce[] }>().withdrawals;

async function block(identity: string, ...more: readonly string[]): Promise<string> {
  const said = await operator('block', identity, '--why', 'stolen from a laptop', '--json', ...more);
  expect(said.exit).toBe(0);
  return said.json<{ ended: { withdrawal: InForce }[] }>().ended[0]?.withdrawal.id ?? '';
}

const acted = async (agent = ASSISTANT) => broker.acted(await broker.staffToken(), await broker.svid(agent));
const goesOn = (token: string) =>
  broker.ask(ONE_API, {
    subject_token: token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    audience: 'two',
  });
const byActor = async (actor: string) => broker.acted(await broker.staffToken(), actor);

describe('a blocked identity', () => {
  it('A-41 is refused as the actor, by the id of the block, and nobody else is', async () => {
    expect((await acted()).said).toBe('granted');
    const id = await block(ASSISTANT);
    const { said, record } = await acted();
    expect(said).toBe('invalid_request withdrawn');
    // It said `role: subject` and the person's source, about whom nothing was wrong.
    expect(record.evidence).toEqual({ role: 'actor', source: 'mesh', withdrawal: id });
    expect((await acted(RESEARCHER)).said).toBe('granted');
    await operator('unblock', id);
    expect((await acted()).said).toBe('granted');
  });

  it('A-41 is refused deep in a chain that was issued before', async () => {
    const { token } = await acted();
    const again = await goesOn(token);
    expect(again.said).toBe('granted');
    const id = await block(ASSISTANT);
    const { said, record } = await goesOn(token);
    expect([said, record.evidence]).toEqual(['invalid_request withdrawn', expect.objectContaining({ withdrawal: id })]);
  });

  it.each<[string, string, () => Promise<{ readonly said: string }>]>([
    ['the person', 'staff:alice', acted],
    ['everybody of a source', 'staff:*', acted],
    ['everybody below a path', `${MESH}/ns/agents/*`, acted],
    ['a whole trust domain', `${MESH}/*`, acted],
    ['a client', 'litellm', acted],
    ['a client by its name', 'clients:litellm', acted],
    ['every client', 'clients:*', acted],
    ['a job that acts', 'github:repository_id:74:ref:refs/heads/main', async () => byActor(await broker.job())],
    ['a repository', 'github:repository_id:74:*', async () => byActor(await broker.job())],
    ['a pod that acts', 'cluster:system:serviceaccount:payments:api', async () => byActor(await broker.pod())],
  ])('%s is refused while blocked, and not after', async (_title, identity, ask) => {
    expect((await ask()).said).toBe('granted');
    const id = await block(identity);
    expect((await ask()).said).toBe('invalid_request withdrawn');
    expect((await operator('unblock', id)).exit).toBe(0);
    expect((await ask()).said).toBe('granted');
  });

  it('a job that acted is found by its name in a chain, where its sub says another', async () => {
    const { token, said } = await byActor(await broker.job());
    expect([said, (await goesOn(token)).said]).toEqual(['granted', 'granted']);
    await block('github:repository_id:74:ref:refs/heads/main');
    expect((await goesOn(token)).said).toBe('invalid_request withdrawn');
  });

  it('a client takes with it what was issued through it; another client goes on', async () => {
    const { token } = await acted();
    await block('litellm');
    expect((await goesOn(token)).said).toBe('invalid_request withdrawn');
    const actor = { actor_token: await broker.svid(ASSISTANT), actor_token_type: JWT_TYPE };
    const other = await broker.ask(KONG, { subject_token: await broker.staffToken(), ...actor, audience: 'one' });
    expect(other.said).toBe('granted');
    const gateway = async () =>
      (
        await broker.ask(await broker.bySvid('gateway', '/ns/mcp/sa/gateway'), {
          subject_token: await broker.staffToken(),
          audience: 'two',
        })
      ).said;
    expect(await gateway()).toBe('granted');
    await block('gateway');
    expect(await gateway()).toBe('invalid_request withdrawn');
  });

  it('tells the caller nothing: the answer is that of any bad credential but for its id', async () => {
    const asked = async (subject: string) => {
      const form = {
        subject_token: subject,
        subject_token_type: JWT_TYPE,
        audience: 'one',
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      };
      const actor = { actor_token: await broker.svid(ASSISTANT), actor_token_type: JWT_TYPE };
      return broker.token({ ...form, ...actor }, LITELLM.headers);
    };
    const bad = await asked('no.to.ken');
    const id = await block('staff:alice');
    const { status, text, body } = await asked(await broker.staffToken());
    const without = ({ error_description: said }: Record<string, unknown>) =>
      String(said).replace(/[0-9A-Z]{26}/, 'ID');
    expect([status, body.error, without(body)]).toEqual([bad.status, bad.body.error, without(bad.body)]);
    for (const word of [id, 'stolen', 'alice', 'withdrawn', 'block']) expect(text).not.toContain(word);
  });

  it('--for ends by itself, to the second, and is not listed any more', async () => {
    await block(ASSISTANT, '--for', '90s');
    broker.clock.offsetSeconds = 88;
    expect((await acted()).said).toBe('invalid_request withdrawn');
    broker.clock.offsetSeconds = 91;
    expect((await acted()).said).toBe('granted');
    expect((await inForce()).filter(({ kind }) => kind === 'block')).toEqual([]);
  });

  it('is told to the operator by `explain`: what, since when and why; and that it is over', async () => {
    const id = await block(ASSISTANT);
    const { record } = await acted();
    const explained = await operator('explain', '--decision', String(record.decision));
    expect(explained.out.at(-1)).toMatch(
      new RegExp(`^withdrawn ${id} {2}block ${ASSISTANT}, since 20.*Z: stolen from a laptop$`),
    );
    expect(explained.exit).toBe(1);
    await operator('unblock', id);
    const after = await operator('explain', '--decision', String(record.decision));
    expect(after.out.at(-1)).toBe(`withdrawn ${id}  is not in force any more, or not known here`);
    const trail = await operator(
      'explain',
      '--decision',
      String(record.decision),
      '--from',
      `${broker.folder}/audit.jsonl`,
    );
    expect(trail.out.at(-1)).toBe(explained.out.at(-1));
  });
});

describe('the commands', () => {
  it('say what they did and what they do not reach, and put it on record', async () => {
    const { out, err, exit } = await operator('block', ASSISTANT, '--why', 'stolen');
    const [{ id = '' } = {}] = await inForce();
    expect({ out, exit }).toEqual({ out: [`blocked  ${ASSISTANT}  ${id}  until lifted`], exit: 0 });
    expect(err).toEqual([
      'nothing more is issued to it, through it, or about it, and no token in whose chain it stands is taken',
      `exchequer unblock ${id} lifts it`,
      expect.stringMatching(
        /^not reached: resource servers that verify tokens offline .* until 20\S+Z at the latest; those that introspect know now$/,
      ),
    ]);
    const record = { event: 'block', id, identity: ASSISTANT, why: 'stolen', unreached: [] };
    expect(broker.lastRecord()).toMatchObject({
      ...record,
      by: expect.stringMatching(/\(uid \d+\)$/),
      at: expect.any(String),
    });

    const twice = await operator('block', ASSISTANT, '--why', 'again', '--for', '1h');
    expect(twice.out).toEqual([
      expect.stringMatching(
        new RegExp(`^already blocked {2}${ASSISTANT} {2}${id} {2}until lifted, since 20\\S+Z: stolen$`),
      ),
    ]);
    expect([twice.exit, await inForce()]).toMatchObject([0, { length: 1 }]);
    expect(broker.lastRecord()).toMatchObject({ ...record, already: true });

    const lifted = await operator('unblock', id, '--why', 'a false alarm');
    expect(lifted).toMatchObject({
      out: [expect.stringMatching(`^lifted {2}${ASSISTANT} {2}${id}, since 20`)],
      exit: 0,
    });
    expect(broker.lastRecord()).toMatchObject({ event: 'unblock', id, identity: ASSISTANT, why: 'a false alarm' });
    expect(await operator('unblock', id)).toMatchObject({
      out: [],
      err: [`no block has the id or the identity ${id}`],
      exit: 1,
    });
    expect(await operator('blocks')).toMatchObject({
      out: [],
      err: ['nobody is blocked, and no revocation is in force'],
      exit: 0,
    });
  });

  it('a block that lasts longer than one in force is one more; lifting by identity lifts both', async () => {
    await block(ASSISTANT, '--for', '1h');
    await block(ASSISTANT);
    expect(await inForce()).toHaveLength(2);
    expect((await operator('unblock', ASSISTANT)).out).toHaveLength(2);
    expect(await inForce()).toEqual([]);
  });

  it.each([
    [['block', 'everybody', '--why', 'x'], 2, 'there is no source before a :'],
    [['block', '*', '--why', 'x'], 2, 'a bare * would block everybody'],
    [['block', ASSISTANT, '--why', ' '], 2, 'why: must say something'],
    [['block', ASSISTANT, '--why', 'x', '--for', 'soon'], 2, 'It must be a duration'],
    [['unblock', 'everybody'], 1, 'no block has the id or the identity everybody'],
    [['revoke', 'subject', 'staff:*', '--why', 'x'], 2, 'a revocation is of one name'],
    [['revoke', 'token', 'abc', '--why', 'x'], 2, 'a token is named by its jti'],
    [['revoke', 'everything', 'x', '--why', 'x'], 2, 'Allowed choices are'],
  ])('%j exits %i and says why', async (verb, exit, text) => {
    const said = await operator(...verb);
    expect([said.exit, said.out]).toEqual([exit, []]);
    expect(said.err.join('\n')).toContain(text);
    expect(await inForce()).toEqual([]);
  });

  it('exit 3 where no broker answers', async () => {
    const nobody = operatorOf({ folder: `${broker.folder}/nowhere` });
    for (const verb of [
      ['block', ASSISTANT, '--why', 'x'],
      ['blocks'],
      ['unblock', 'x'],
      ['revoke', 'subject', 'staff:alice', '--why', 'x'],
    ])
      expect(await nobody(...verb)).toMatchObject({
        out: [],
        err: [expect.stringContaining('no broker is running')],
        exit: 3,
      });
  });

  it('blocks and revocations in force are counted', async () => {
    const metrics = async () => (await fetch(`http://127.0.0.1:${broker.observePort}/metrics`)).text();
    expect(await metrics()).toContain('exchequer_withdrawals{kind="block"} 0');
    await block(ASSISTANT);
    await block('staff:*');
    expect(await metrics()).toContain('exchequer_withdrawals{kind="block"} 2');
    expect((await acted()).said).toBe('invalid_request withdrawn');
    expect(await metrics()).toMatch(/exchequer_exchanges_total\{.*reason="withdrawn".*\} \d/);
  });
});
