// Who may act for whom, whatever policy says, and what a withdrawal ends: by real verifiers, rules, issuers and the embedded store, without
// sockets. Chains that would loop or grow without end, one identity under several proofs, and blocks and revocations in every role and chain.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { ACTORS_MAX, LINEAGE_MAX } from '../../src/core/limits-delegation.ts';
import type { Withdrawal } from '../../src/core/withdrawal.ts';
import { handleOf } from '../../src/parsing/token-handle.ts';
import { type Answered, type ChainWorld, MESH, openChainWorld, TARGETS } from '../support/chain-world.ts';
import { AUDIENCE, NOW } from '../support/sources.ts';

const GITHUB = 'https://token.actions.githubusercontent.com';
const RULES = `
rules:
  - name: people
    subject: { trust: [staff, partner], sub: [alice, bob] }
    actor: { trust: mesh, sub: [${MESH}/agents/one, ${MESH}/agents/two] }
    client: all
    allow: { a: all, b: all, c: all }
  - name: people-by-clients
    subject: { trust: [staff, partner], sub: [alice, bob] }
    actor: client
    client: [api-a, all]
    allow: { a: all, b: all }
  - name: people-by-jobs
    subject: { trust: [staff, partner], sub: [alice, bob] }
    actor: { trust: github, github: { repository_id: 74, ref: [refs/heads/main, refs/heads/dev] } }
    client: all
    allow: { a: all }
  - name: people-by-own
    subject: { trust: staff, sub: [alice, bob] }
    actor: { trust: self, self: { aud: ${TARGETS.b}, sub: ["spiffe://prod.example/agents/*", "staff:*"] } }
    client: all
    allow: { a: all }
  - name: agents-themselves
    subject: { trust: mesh, sub: "${MESH}/agents/*" }
    allow: { b: all }
  - name: agents-again
    subject: { trust: self, self: { aud: ${TARGETS.b}, sub: "spiffe://prod.example/agents/*" } }
    impersonate: true
    accept: { impersonation: they cannot read act }
    client: api-b
    allow: { b: all }
  - name: onward-by-own
    subject: { trust: self, self: { aud: ${TARGETS.a}, sub: "staff:*" } }
    actor: { trust: self, self: { aud: ${TARGETS.b}, sub: "spiffe://prod.example/agents/*" } }
    client: all
    allow: { a: all }
  - name: onward
    subject: { trust: self, self: { aud: [${Object.values(TARGETS).join(', ')}], sub: ["staff:*", "partner:*", "spiffe://prod.example/agents/*"] } }
    actor: { trust: mesh, sub: "${MESH}/agents/*" }
    client: all
    allow: { a: all, b: all, c: all }
  - name: onward-by-clients
    subject: { trust: self, self: { aud: [${Object.values(TARGETS).join(', ')}], sub: ["staff:*", "partner:*", "clients:*"] } }
    actor: client
    client: [api-a, api-b, api-c, all]
    allow: { a: all, b: all, c: all }
  - name: onward-by-jobs
    subject: { trust: self, self: { aud: [${Object.values(TARGETS).join(', ')}], sub: "staff:*" } }
    actor: { trust: github, github: { repository_id: 74, ref: [refs/heads/main, refs/heads/dev] } }
    client: all
    allow: { a: all }
  - name: in-their-own-name
    subject: { trust: staff, sub: [alice, bob] }
    impersonate: true
    accept: { impersonation: they cannot read act }
    client: api-b
    allow: { a: all, b: all }
`;

let world: ChainWorld;
beforeAll(async () => {
  world = await openChainWorld(RULES);
});
afterAll(() => world?.close());

const [ONE, TWO] = ['agents/one', 'agents/two'];
const handle = ({ claims }: Answered): string => handleOf(AUDIENCE, String(claims.jti));
const actors = ({ claims }: Answered): readonly unknown[] => {
  const found: unknown[] = [];
  for (let act = claims.act as JsonObject | undefined; act; act = act.act as JsonObject | undefined)
    found.push(act.sub);
  return found;
};
const person = (claims = {}) => world.person('staff', { jti: randomUUID(), ...claims });
const through = async (subject: string, actor: string | undefined, target = 'a') =>
  world.exchange({ subject, actor, client: 'all', target });
const granted = async (answered: Promise<Answered>): Promise<Answered> => {
  const answer = await answered;
  expect(answer.said).toBe('granted');
  return answer;
};

describe('one identity under several proofs', () => {
  it('A-147 acts no second time as itself by a token of ours', async () => {
    const own = await granted(world.exchange({ subject: await world.agent(ONE), target: 'b' }));
    const first = await granted(through(await person(), await world.agent(ONE)));
    const second = await granted(through(first.token, await world.agent(TWO)));
    expect(actors(second)).toEqual([`${MESH}/${TWO}`, `${MESH}/${ONE}`]);
    const third = await world.exchange({ subject: second.token, actor: own.token, client: 'all', target: 'a' });
    expect(third.said).toBe('actor_repeated');
    const fresh = await granted(through(await person(), own.token));
    expect(fresh.claims.act).toEqual({ iss: AUDIENCE, sub: `${MESH}/${ONE}` });
  });

  it('TX-50 is nobody who acts for itself: by its own token, by its name, by where it began', async () => {
    const own = await granted(world.exchange({ subject: await world.agent(ONE), target: 'b' }));
    expect((await through(own.token, await world.agent(ONE), 'c')).said).toBe('actor_is_subject');
    expect((await through(own.token, own.token, 'c')).said).toBe('actor_is_subject');
    expect((await through(own.token, await world.agent(TWO), 'c')).said).toBe('granted');
    const alice = await granted(world.exchange({ subject: await person(), client: 'api-b', target: 'b' }));
    expect((await through(await person(), alice.token)).said).toBe('actor_is_subject');
    expect((await through(await person({ sub: 'bob' }), alice.token)).said).toBe('granted');
  });

  it('two jobs of one sub are two actors, and each is named', async () => {
    const sub = 'repo:octo-org/octo-repo';
    const dev = { sub, ref: 'refs/heads/dev' };
    const first = await granted(through(await person(), await world.job({ sub })));
    const second = await granted(through(first.token, await world.job(dev)));
    const named = (ref: string) => ({
      iss: GITHUB,
      sub,
      sub_id: { format: 'opaque', id: `github:repository_id:74:ref:refs/heads/${ref}` },
    });
    expect(second.claims.act).toEqual({ ...named('dev'), act: named('main') });
    const same = await granted(through(second.token, await world.job(dev)));
    expect(same.claims.act).toEqual(second.claims.act);
    expect((await through(second.token, await world.job({ sub }))).said).toBe('actor_repeated');
    // The same job, whose `sub` its repository has changed since.
    expect((await through(second.token, await world.job({ sub: `${sub}:ref:refs/heads/main` }))).said).toBe(
      'actor_repeated',
    );
  });

  it('a client that is the subject of its own token is nobody who acts', async () => {
    const rules = `${RULES}
  - name: clients-themselves
    subject: { trust: clients, sub: all }
    allow: { a: all }
`;
    world.rules(rules);
    const itself = await granted(world.itself('all', 'a'));
    expect(itself.claims).toMatchObject({ sub: 'clients:all', client_id: 'all' });
    const onward = await granted(world.exchange({ subject: itself.token, client: 'all', target: 'b' }));
    expect(onward.claims.act).toBeUndefined();
    const other = await granted(world.exchange({ subject: itself.token, client: 'api-a', target: 'b' }));
    expect(other.claims.act).toEqual({ iss: AUDIENCE, sub: 'api-a' });
    world.rules(RULES);
  });
});

describe('a chain', () => {
  it('A-147 OB-04 ends where one more actor, or one more token, would not be read again', async () => {
    const act = Array.from({ length: ACTORS_MAX - 1 }, (_, index) => `x${index}`).reduce<JsonObject | undefined>(
      (inner, sub) => ({ iss: 'https://agents.example', sub, ...(inner ? { act: inner } : {}) }),
      undefined,
    );
    const full = await granted(through(await person({ act }), await world.agent(ONE)));
    expect(actors(full)).toHaveLength(ACTORS_MAX);
    expect((await through(full.token, await world.agent(TWO))).said).toBe('chain_too_long');
    // Whoever acts already adds nobody.
    let last = await granted(through(full.token, await world.agent(ONE)));
    for (let length = 2; length < LINEAGE_MAX; length += 1)
      last = await granted(through(last.token, await world.agent(ONE)));
    expect(last.claims.lineage).toHaveLength(LINEAGE_MAX);
    expect((await through(last.token, await world.agent(ONE))).said).toBe('chain_too_long');
  });

  it('A-147 counts the tokens that an actor token was made of', async () => {
    let own = await granted(world.exchange({ subject: await world.agent(TWO, { jti: randomUUID() }), target: 'b' }));
    let subject = await granted(through(await person(), await world.agent(ONE)));
    for (let length = 1; length < LINEAGE_MAX / 2; length += 1) {
      own = await granted(world.exchange({ subject: own.token, client: 'api-b', target: 'b' }));
      subject = await granted(through(subject.token, await world.agent(ONE)));
    }
    expect([own, subject].map(({ claims }) => claims.lineage)).toEqual([
      expect.objectContaining({ length: LINEAGE_MAX / 2 }),
      expect.objectContaining({ length: LINEAGE_MAX / 2 }),
    ]);
    expect((await through(subject.token, own.token)).said).toBe('chain_too_long');
    const fresh = await granted(through(await person(), own.token));
    expect(fresh.claims.lineage).toHaveLength(LINEAGE_MAX / 2 + 2);
  });

  it('names who acts where another rule, which grants for longer, would name nobody', async () => {
    const [both, alone] = [
      `rules:
  - { name: named, subject: { trust: mesh, sub: ${MESH}/agents/one }, actor: client, client: all, allow: { a: all }, lifetime: 30s }
  - { name: bare, subject: { trust: mesh, sub: ${MESH}/agents/one }, client: all, allow: { a: all }, lifetime: 5m }`,
      `rules:
  - { name: bare, subject: { trust: mesh, sub: ${MESH}/agents/one }, client: all, allow: { a: all }, lifetime: 5m }`,
    ];
    const ask = async () => granted(world.exchange({ subject: await world.agent(ONE), client: 'all', target: 'a' }));
    world.rules(both);
    const named = await ask();
    expect([named.record.rule, named.claims.act]).toEqual(['named', { iss: AUDIENCE, sub: 'all' }]);
    world.rules(alone);
    expect((await ask()).claims.act).toBeUndefined();
    world.rules(RULES);
  });
});

const withdrawal = (change: Partial<Withdrawal> & Pick<Withdrawal, 'kind'>): Withdrawal =>
  ({
    id: randomUUID(),
    why: 'a test',
    atSeconds: world.clock.now,
    untilSeconds: world.clock.now + 600,
    ...change,
  }) as Withdrawal;
/** Runs with something withdrawn, and gives it back. */
async function without<Value>(change: Parameters<typeof withdrawal>[0], run: () => Promise<Value>): Promise<Value> {
  const made = withdrawal({ untilSeconds: undefined, ...change } as Parameters<typeof withdrawal>[0]);
  await world.withdraw(made);
  try {
    return await run();
  } finally {
    if (made.kind === 'block') await world.lift(made.id);
    else world.clock.now += 700;
  }
}
const block = (identity: string) => ({ kind: 'block' as const, identity });

describe('what a revocation ends', () => {
  it('keycloak#51633, keycloak#33252, zeroid#50, OpenShell#2772 and AAuth#178 a chain of depth five, from its root and from its middle', async () => {
    const chain: Answered[] = [await granted(through(await person(), await world.agent(ONE)))];
    for (const client of ['api-a', 'api-b', 'api-c', 'all'] as const) {
      const target = { 'api-a': 'b', 'api-b': 'c', 'api-c': 'a', all: 'b' }[client];
      const { token } = chain.at(-1) as Answered;
      chain.push(await granted(world.exchange({ subject: token, client, target })));
    }
    expect(chain).toHaveLength(5);
    const onward = async () => {
      const said: string[] = [];
      for (const { token } of chain) said.push((await through(token, await world.agent(TWO))).said);
      return said;
    };
    const other = await granted(through(await person(), await world.agent(ONE)));
    expect(await onward()).toEqual(Array(5).fill('granted'));
    await world.withdraw(withdrawal({ kind: 'revocation', what: 'chain', of: handle(chain[2] as Answered) }));
    expect(await onward()).toEqual(['granted', 'granted', 'withdrawn', 'withdrawn', 'withdrawn']);
    await world.withdraw(withdrawal({ kind: 'revocation', what: 'chain', of: handle(chain[0] as Answered) }));
    expect(await onward()).toEqual(Array(5).fill('withdrawn'));
    expect((await through(other.token, await world.agent(TWO))).said).toBe('granted');
  });

  it('one token alone, where only that is said', async () => {
    const first = await granted(through(await person(), await world.agent(ONE)));
    const next = await granted(through(first.token, await world.agent(TWO)));
    await world.withdraw(withdrawal({ kind: 'revocation', what: 'token', of: handle(first) }));
    expect((await through(first.token, await world.agent(TWO))).said).toBe('withdrawn');
    expect((await through(next.token, await world.agent(TWO))).said).toBe('granted');
  });

  it('a chain by an actor token that it was made of', async () => {
    const own = await granted(world.exchange({ subject: await world.agent(ONE), target: 'b' }));
    const made = await granted(through(await person(), own.token));
    await world.withdraw(withdrawal({ kind: 'revocation', what: 'chain', of: handle(own) }));
    expect((await through(made.token, await world.agent(TWO))).said).toBe('withdrawn');
    expect((await through(await person(), own.token)).said).toBe('withdrawn');
  });

  it('an actor token, where whom it is about was revoked as a subject', async () => {
    const own = await granted(world.exchange({ subject: await world.agent(ONE), target: 'b' }));
    await without({ kind: 'revocation', what: 'subject', of: `${MESH}/${ONE}`, untilSeconds: NOW + 600 }, async () => {
      expect((await through(await person(), own.token)).said).toBe('withdrawn');
      expect((await through(await person(), await world.agent(TWO))).said).toBe('granted');
    });
  });

  it('a token that does not say when it was issued', async () => {
    const silent = await person({ iat: undefined });
    expect((await through(silent, await world.agent(ONE))).said).toBe('granted');
    await without(
      { kind: 'revocation', what: 'subject', of: 'staff:alice', untilSeconds: world.clock.now + 600 },
      async () => {
        expect((await through(silent, await world.agent(ONE))).said).toBe('withdrawn');
        world.clock.now += 5;
        expect((await through(await person(), await world.agent(ONE))).said).toBe('granted');
        expect((await through(await person({ iat: undefined }), await world.agent(ONE))).said).toBe('withdrawn');
      },
    );
  });

  it('nothing of a client that proves itself anew', async () => {
    world.rules(`${RULES}
  - { name: clients-themselves, subject: { trust: clients, sub: all }, allow: { a: all } }
`);
    const untilSeconds = world.clock.now + 600;
    for (const what of ['client', 'subject', 'actor'] as const) {
      await world.withdraw(withdrawal({ kind: 'revocation', what, of: 'clients:all', untilSeconds }));
      expect((await world.itself('all', 'a')).said).toBe('granted');
      expect((await world.exchange({ subject: await person(), client: 'all', target: 'a' })).said).toBe('granted');
    }
    world.clock.now += 700;
    world.rules(RULES);
  });
});

describe('a block', () => {
  it.each<readonly [title: string, identity: string]>([
    ['of the subject', 'staff:alice'],
    ['of who acts now', `${MESH}/${TWO}`],
    ['of who acted before', `${MESH}/${ONE}`],
    ['of everybody below', `${MESH}/agents/*`],
    ['of the client that asks', 'clients:all'],
  ])('%s ends the chain', async (_title, identity) => {
    const first = await granted(through(await person(), await world.agent(ONE)));
    const ask = async () => (await through(first.token, await world.agent(TWO))).said;
    expect(await ask()).toBe('granted');
    expect(await without(block(identity), ask)).toBe('withdrawn');
    expect(await ask()).toBe('granted');
    expect(await without(block('staff:bob'), ask)).toBe('granted');
  });

  it('keycloak#52691 of an actor ends the token that it has, for whoever presents it', async () => {
    const first = await granted(through(await person(), await world.agent(ONE)));
    const ask = async () => (await world.exchange({ subject: first.token, client: 'api-a', target: 'b' })).said;
    expect(await without(block(`${MESH}/${ONE}`), ask)).toBe('withdrawn');
    expect(await ask()).toBe('granted');
  });

  it('of the client that asked for a token ends it for the next one', async () => {
    const first = await granted(through(await person(), await world.agent(ONE)));
    const ask = async () => (await world.exchange({ subject: first.token, client: 'api-a', target: 'b' })).said;
    expect(await without(block('clients:all'), ask)).toBe('withdrawn');
    expect(await ask()).toBe('granted');
  });

  it('of a job finds it in a chain by its name, which its sub does not say', async () => {
    const first = await granted(through(await person(), await world.job()));
    const ask = async () => (await world.exchange({ subject: first.token, client: 'api-a', target: 'b' })).said;
    expect(await without(block('github:repository_id:74:*'), ask)).toBe('withdrawn');
    expect(await without(block('github:repository_id:75:*'), ask)).toBe('granted');
  });

  it.each<readonly [title: string, act: JsonObject, identity: string]>([
    ['a SPIFFE ID that another issuer repeats', { sub: `${MESH}/${TWO}` }, `${MESH}/${TWO}`],
    [
      'a SPIFFE ID of a trust domain that nobody proves',
      { iss: 'spiffe://elsewhere.example', sub: 'spiffe://elsewhere.example/x' },
      'spiffe://elsewhere.example/x',
    ],
    ['a registered client, as we would name it', { iss: AUDIENCE, sub: 'api-c' }, 'clients:api-c'],
    ['somebody whom we issued a token about', { iss: AUDIENCE, sub: 'staff:bob' }, 'staff:bob'],
    ['somebody of the same provider', { sub: 'bob' }, 'staff:bob'],
    ['somebody of another provider', { iss: 'https://partner.example', sub: 'bob' }, 'partner:bob'],
  ])('finds in an outside act %s', async (_title, act, identity) => {
    const subject = await person({ act });
    const ask = async () => (await through(subject, await world.agent(ONE))).said;
    expect(await ask()).toBe('granted');
    expect(await without(block(identity), ask)).toBe('withdrawn');
    expect(await without(block('staff:mallory'), ask)).toBe('granted');
  });

  it('is found by a deny of anyone as well, whichever issuer repeats a SPIFFE ID', async () => {
    const subject = await person({ act: { sub: `${MESH}/${TWO}` } });
    world.rules(`${RULES}
  - { name: never-two, anyone: { trust: mesh, sub: ${MESH}/${TWO} }, deny: all }
`);
    expect((await through(subject, await world.agent(ONE))).said).toBe('target_denied');
    expect((await through(await person(), await world.agent(ONE))).said).toBe('granted');
    world.rules(RULES);
  });
});
