// No sequence of exchanges makes more of what went in: fewer actors, more scope, another audience, a later end. Random rules, people of two
// providers with chains and `may_act` of their own, agents, jobs, clients, and everything issued before as subject or as actor token; each
// answer is compared with its inputs and with the one rule by which it was granted, read straight from its text.

import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isJsonObject, type Json, type JsonObject } from '../../src/core/json.ts';
import { ACTORS_MAX, LINEAGE_MAX } from '../../src/core/limits-delegation.ts';
import { handleOf } from '../../src/parsing/token-handle.ts';
import {
  type Answered,
  type Asked,
  type ChainWorld,
  CLIENTS,
  type ClientName,
  LIFETIME_MAX,
  MESH,
  openChainWorld,
  PEOPLE,
  TARGETS,
  type TargetName,
} from '../support/chain-world.ts';
import { AUDIENCE, NOW } from '../support/sources.ts';

const NAMES = Object.keys(TARGETS) as readonly TargetName[];
const CLIENT_IDS = Object.keys(CLIENTS) as readonly ClientName[];
const AGENTS = ['agents/one', 'agents/two', 'agents/three'] as const;
const SCOPES = ['read', 'write', 'admin'] as const;

// Rules.

interface TestRule {
  readonly about: 'people' | 'own';
  readonly audience: TargetName;
  readonly acts: 'client' | 'agents' | 'jobs' | 'own' | 'impersonate';
  readonly agents: readonly string[];
  readonly clients: readonly ClientName[];
  readonly target: TargetName;
  readonly scopes: readonly string[];
  readonly lifetime: number;
}

const some = <Value>(values: readonly Value[]) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant(values) },
    { weight: 1, arbitrary: fc.uniqueArray(fc.constantFrom(...values), { minLength: 1 }) },
  );
const rule: fc.Arbitrary<TestRule> = fc.record({
  about: fc.constantFrom('people', 'own', 'own'),
  audience: fc.constantFrom(...NAMES),
  acts: fc.constantFrom('client', 'agents', 'agents', 'client', 'jobs', 'own', 'impersonate'),
  agents: some(AGENTS),
  clients: some(CLIENT_IDS),
  target: fc.constantFrom(...NAMES),
  scopes: some(SCOPES),
  lifetime: fc.constantFrom(40, 200, 400),
});

const all = { agents: AGENTS, clients: ['all'] as const, scopes: SCOPES, lifetime: 400 };
/** Whatever else there is: everybody has a way in, and one onward. */
const BASE: readonly TestRule[] = [
  ...NAMES.map((name): TestRule => ({ ...all, about: 'people', audience: name, acts: 'agents', target: name })),
  { ...all, about: 'people', audience: 'a', acts: 'impersonate', target: 'a' },
  { ...all, about: 'own', audience: 'a', acts: 'agents', target: 'b' },
  { ...all, about: 'own', audience: 'b', acts: 'client', target: 'c' },
  { ...all, about: 'own', audience: 'c', acts: 'own', target: 'a' },
  { ...all, about: 'people', audience: 'a', acts: 'own', target: 'c' },
];

const writtenActor: Readonly<Record<TestRule['acts'], (rule: TestRule) => object>> = {
  client: () => ({ actor: 'client' }),
  agents: ({ agents }) => ({ actor: { trust: 'mesh', sub: agents.map((path) => `${MESH}/${path}`) } }),
  jobs: () => ({ actor: { trust: 'github', github: { repository_id: 74, ref: 'refs/heads/main' } } }),
  own: ({ audience }) => ({
    actor: { trust: 'self', self: { aud: TARGETS[audience], sub: ['staff:*', 'partner:*'] } },
  }),
  impersonate: () => ({ impersonate: true, accept: { impersonation: 'it cannot read act' } }),
};

const written = (one: TestRule, index: number) => ({
  name: `r${index}`,
  subject:
    one.about === 'people'
      ? { trust: ['staff', 'partner'], sub: ['alice', 'bob'] }
      : { trust: 'self', self: { aud: TARGETS[one.audience], sub: ['staff:*', 'partner:*'] } },
  ...writtenActor[one.acts](one),
  client: one.clients,
  allow: { [one.target]: one.scopes },
  lifetime: `${one.lifetime}s`,
});

// Steps.

interface Step {
  /** Below 0: a person's token, made anew; else one issued before, counted from the newest. */
  readonly subject: number;
  readonly person: {
    readonly of: keyof typeof PEOPLE;
    readonly sub: string;
    readonly seconds: number;
    readonly scope: string | undefined;
  };
  /** Who acts already, and who may, by a person's token. */
  readonly carried: 'nothing' | 'nothing' | 'act' | 'may_act';
  readonly chain: readonly string[];
  readonly actor: 'nobody' | 'agent' | 'job' | 'own' | 'person';
  readonly agent: string;
  readonly actorSeconds: number;
  readonly which: number;
  readonly client: ClientName | undefined;
  readonly target: TargetName;
  readonly scopes: readonly string[] | undefined;
  readonly wait: number;
  /** Before it, the newest token or an ancestor of it is revoked with all that was made from it. */
  readonly revokes: boolean;
  /** The rule that the request is made for, and the one thing in which it is not. */
  readonly aim: number | undefined;
  readonly stray: 'nothing' | 'subject' | 'actor' | 'client' | 'target' | 'scopes';
}

const step: fc.Arbitrary<Step> = fc.record({
  subject: fc.integer({ min: -1, max: 3 }),
  person: fc.record({
    of: fc.constantFrom('staff', 'partner'),
    sub: fc.constantFrom('alice', 'bob'),
    seconds: fc.constantFrom(60, 300, 3_000),
    scope: fc.option(fc.constantFrom('read', 'read write', 'read write admin'), { nil: undefined }),
  }),
  carried: fc.constantFrom('nothing', 'nothing', 'nothing', 'act', 'may_act'),
  chain: fc.uniqueArray(fc.constantFrom(...AGENTS, 'elsewhere', 'api-a', 'x', 'y', 'z'), {
    minLength: 1,
    maxLength: 9,
  }),
  actor: fc.constantFrom('nobody', 'nobody', 'agent', 'agent', 'agent', 'job', 'own', 'person'),
  agent: fc.constantFrom(...AGENTS),
  actorSeconds: fc.constantFrom(30, 250, 2_500),
  which: fc.constantFrom(0, 0, 1, 1, 2, 3),
  client: fc.option(fc.constantFrom(...CLIENT_IDS, 'all', 'all'), { nil: undefined, freq: 12 }),
  target: fc.constantFrom(...NAMES),
  scopes: fc.option(fc.uniqueArray(fc.constantFrom(...SCOPES), { minLength: 1, maxLength: 2 }), {
    nil: undefined,
    freq: 2,
  }),
  wait: fc.constantFrom(0, 0, 0, 5, 20),
  revokes: fc.nat(9).map((one) => one === 0),
  aim: fc.option(fc.nat(BASE.length + 10), { nil: undefined, freq: 9 }),
  stray: fc.constantFrom('nothing', 'nothing', 'nothing', 'nothing', 'subject', 'actor', 'client', 'target', 'scopes'),
});

const BY = { client: 'nobody', agents: 'agent', jobs: 'job', own: 'own', impersonate: 'nobody' } as const;

/** The step as one rule would have it, but for the thing in which it strays. */
function aimed(one: Step, rule: TestRule | undefined, issued: readonly Answered[]): Step {
  if (!rule) return one;
  const back = (fits: (claims: JsonObject) => boolean, nth: number): number => {
    const found = issued.flatMap(({ claims }, index) => (fits(claims) ? [issued.length - 1 - index] : []));
    return found[nth % Math.max(found.length, 1)] ?? -1;
  };
  const isFor = ({ aud }: JsonObject) => aud === TARGETS[rule.audience];
  const subject = rule.about === 'own' ? back(isFor, one.which) : -1;
  if (rule.about === 'own' && subject < 0) return aimed(one, BASE[NAMES.indexOf(rule.audience)], issued);
  const acts = rule.acts === 'own' ? back((claims) => isFor(claims) && claims.act === undefined, one.which) : one.which;
  if (acts < 0) return aimed(one, BASE[NAMES.length], issued);
  const ceiling = newest(issued, subject)?.claims.scope;
  const scopes = rule.scopes.filter((scope) => ceiling === undefined || words(ceiling).includes(scope));
  const fitting: Omit<Step, 'person' | 'carried' | 'chain' | 'wait' | 'revokes' | 'aim' | 'stray' | 'actorSeconds'> = {
    subject,
    actor: BY[rule.acts],
    agent: rule.agents[one.which % rule.agents.length] ?? one.agent,
    which: acts,
    client: rule.clients.includes('all') ? 'all' : rule.clients[0],
    target: rule.target,
    scopes: one.scopes ? scopes.slice(0, one.scopes.length) : scopes,
  };
  return { ...one, ...fitting, ...(one.stray === 'nothing' ? {} : { [one.stray]: one[one.stray] }) };
}

/** One as it stands in an outside `act`: of the mesh, of ours, or of nobody whom we know, with or without `iss`. */
function outsider(name: string, index: number): JsonObject {
  if (name.startsWith('agents/')) return { iss: MESH, sub: `${MESH}/${name}` };
  if (name === 'api-a') return { iss: AUDIENCE, sub: name };
  return index % 2 === 0 ? { sub: name } : { iss: 'https://agents.example', sub: name, note: index };
}
const nestedAct = (names: readonly string[]): JsonObject =>
  names
    .map(outsider)
    .reduceRight<JsonObject>((act, one) => ({ ...one, ...(act.sub === undefined ? {} : { act }) }), {});

const newest = (issued: readonly Answered[], back: number): Answered | undefined => issued[issued.length - 1 - back];

async function askedBy(world: ChainWorld, one: Step, issued: readonly Answered[]): Promise<Asked> {
  const before = newest(issued, one.subject);
  const { client, target, scopes } = one;
  const person = async (sub: string, more: object) =>
    world.person(one.person.of, {
      sub,
      exp: Math.floor(world.clock.now) + one.person.seconds,
      jti: randomUUID(),
      ...more,
    });
  const carried = {
    nothing: {},
    act: { act: nestedAct(one.chain) },
    may_act: {
      may_act: one.which === 0 ? { iss: AUDIENCE, sub: one.client ?? 'x' } : { iss: MESH, sub: `${MESH}/${one.agent}` },
    },
  }[one.carried];
  const { sub, scope } = one.person;
  const subject =
    before?.token ??
    (await person(sub, { ...carried, ...(scope === undefined ? {} : { scope }), auth_time: NOW - 60 }));
  const actor = await {
    nobody: async () => undefined,
    agent: () => world.agent(one.agent, { exp: Math.floor(world.clock.now) + one.actorSeconds }),
    job: () => world.job(),
    own: async () => newest(issued, one.which)?.token,
    person: () => person('carol', {}),
  }[one.actor]();
  return { subject, actor, client, target, scopes };
}

// What must hold, of one answer and what it was made of.

/** Every actor of a token, the current one first, with the issuer that it has or is given. */
function actorsIn(claims: JsonObject): readonly JsonObject[] {
  const actors: JsonObject[] = [];
  for (let act: Json | undefined = claims.act; isJsonObject(act); ) {
    const { act: earlier, ...actor } = act;
    actors.push({ iss: actor.iss ?? claims.iss ?? null, ...actor });
    act = earlier;
  }
  return actors;
}

const texts = (value: Json | undefined): readonly string[] => (Array.isArray(value) ? value.map(String) : []);
const words = (value: Json | undefined): readonly string[] => (typeof value === 'string' ? value.split(' ') : []);
const isOwn = (claims: JsonObject): boolean => claims.iss === AUDIENCE;

function holdsTogether(asked: Asked, one: TestRule, { claims }: Answered, now: number): void {
  const subject = decodeJwt(asked.subject) as JsonObject;
  const actor = asked.actor === undefined ? undefined : (decodeJwt(asked.actor) as JsonObject);
  const ends = [subject.exp, actor?.exp].filter((end) => end !== undefined).map(Number);
  expect(claims.exp, 'ends no later than what it was made of').toBeLessThanOrEqual(Math.min(...ends));
  expect(claims.exp, 'ends no later than its rule and target let it').toBeLessThanOrEqual(
    now + Math.min(one.lifetime, LIFETIME_MAX),
  );
  expect(claims.exp).toBeGreaterThan(now);
  expect(claims.aud).toBe(TARGETS[one.target]);
  expect(one.target).toBe(asked.target);
  expect(words(claims.scope), 'has the scopes asked for').toEqual(asked.scopes ?? ['read']);
  expect(one.scopes).toEqual(expect.arrayContaining([...words(claims.scope)]));
  if (isOwn(subject) || subject.iss === PEOPLE.partner)
    expect(words(subject.scope), 'has no scope beyond the subject').toEqual(
      expect.arrayContaining([...words(claims.scope)]),
    );
  holdsWhoActs(asked, one, { claims, subject, actor });
  holdsWhereItCameFrom(claims, subject, actor);
}

/** Nobody who acted is dropped or changed; whoever acts now stands before them, and is the one whom the rule means. */
function holdsWhoActs(
  asked: Asked,
  one: TestRule,
  {
    claims,
    subject,
    actor,
  }: { readonly claims: JsonObject; readonly subject: JsonObject; readonly actor: JsonObject | undefined },
): void {
  const [before, after] = [actorsIn(subject), actorsIn(claims)];
  const added = after.length - before.length;
  expect(after.slice(Math.max(added, 0)), 'keeps everybody who acted').toEqual(before);
  expect([0, 1]).toContain(added);
  expect(after.length).toBeLessThanOrEqual(ACTORS_MAX);
  const keys = after.map(({ iss, sub, sub_id: id }) => JSON.stringify([iss, sub, id]));
  expect(new Set(keys).size, 'nobody acts twice').toBe(keys.length);
  expect(claims).not.toHaveProperty('may_act');
  const client = { iss: AUDIENCE, sub: asked.client };
  const current: object = { client, agents: actor, jobs: actor, own: actor, impersonate: before[0] }[one.acts] ?? {};
  if (one.acts === 'impersonate') expect(added).toBe(0);
  if (one.acts === 'agents') expect(after[0]).toEqual({ iss: MESH, sub: 'sub' in current ? current.sub : undefined });
  else if (one.acts !== 'impersonate' || before.length > 0)
    expect(after[0]).toMatchObject({ iss: Reflect.get(current, 'iss'), sub: Reflect.get(current, 'sub') });
  if (one.acts === 'client' || one.acts === 'impersonate') expect(actor).toBeUndefined();
  const { may_act: mayAct } = subject;
  if (isJsonObject(mayAct)) expect(after[0]).toMatchObject({ iss: mayAct.iss, sub: mayAct.sub });
}

const handle = ({ iss, jti }: JsonObject): string => handleOf(String(iss), String(jti));

function holdsWhereItCameFrom(claims: JsonObject, subject: JsonObject, actor: JsonObject | undefined): void {
  const lineage = texts(claims.lineage);
  const ancestors = [
    ...texts(subject.lineage),
    handle(subject),
    ...(actor && isOwn(actor) ? [...texts(actor.lineage), handle(actor)] : []),
  ];
  expect(new Set(lineage), 'names every ancestor, and nothing else').toEqual(new Set(ancestors));
  expect(lineage).toHaveLength(new Set(ancestors).size);
  expect(lineage.length).toBeLessThanOrEqual(LINEAGE_MAX);
  expect(lineage.slice(0, texts(subject.lineage).length)).toEqual(texts(subject.lineage));
  expect(claims.origin).toEqual(isOwn(subject) ? subject.origin : { iss: subject.iss, sub: subject.sub });
  const source = subject.iss === PEOPLE.staff ? 'staff' : 'partner';
  expect(claims.sub).toBe(isOwn(subject) ? subject.sub : `${source}:${subject.sub}`);
  expect(claims.auth_time).toBe(subject.auth_time);
}

async function revoke(world: ChainWorld, of: string): Promise<string> {
  const atSeconds = world.clock.now;
  await world.withdraw({
    kind: 'revocation',
    what: 'chain',
    of,
    id: of,
    why: '',
    atSeconds,
    untilSeconds: NOW + 9_000,
  });
  return of;
}

describe('sequences of exchanges', () => {
  let world: ChainWorld;
  beforeAll(async () => {
    world = await openChainWorld('rules: [{ name: never, subject: { trust: staff }, deny: all }]');
  });
  afterAll(() => world?.close());

  it('never yield fewer actors, more scope, another audience or a later end than went in (TX-43, A-137 to A-141)', async () => {
    const seen = { granted: 0, deep: 0, long: 0, impersonated: 0, byOwn: 0, reasons: new Set<string>() };
    await fc.assert(
      fc.asyncProperty(
        fc.array(rule, { maxLength: 16 }),
        fc.array(step, { minLength: 16, maxLength: 30 }),
        async (random, steps) => {
          const rules = [...BASE, ...random];
          world.clock.now = NOW;
          world.rules(JSON.stringify({ rules: rules.map(written) }));
          const issued: Answered[] = [];
          const revoked = new Set<string>();
          for (const made of steps) {
            world.clock.now += made.wait;
            const one = aimed(made, rules[made.aim ?? -1], issued);
            const ended = made.revokes ? newest(issued, 0)?.claims : undefined;
            // Itself, or one that it was made of: everything between is dead with it.
            if (ended)
              revoked.add(await revoke(world, [handle(ended), ...texts(ended.lineage)][made.which] ?? handle(ended)));
            const asked = await askedBy(world, one, issued);
            const answered = await world.exchange(asked);
            seen.reasons.add(answered.said);
            if (answered.said !== 'granted') continue;
            const by = rules[Number(answered.record.rule?.slice(1))];
            if (!by) throw new Error('the record names no rule of these');
            expect(by.clients).toContain(asked.client);
            const { aud } = decodeJwt(asked.subject);
            expect(CLIENTS[asked.client ?? 'all'], 'is presented by whom its audience means').toContain(aud);
            holdsTogether(asked, by, answered, world.clock.now);
            expect(texts(answered.claims.lineage).filter((one) => revoked.has(one))).toEqual([]);
            issued.push(answered);
            seen.granted += 1;
            seen.deep = Math.max(seen.deep, actorsIn(answered.claims).length);
            seen.long = Math.max(seen.long, texts(answered.claims.lineage).length);
            if (by.acts === 'impersonate') seen.impersonated += 1;
            if (by.acts === 'own') seen.byOwn += 1;
          }
        },
      ),
      // A failure is told before it has been shrunk to the last step.
      { numRuns: 100, interruptAfterTimeLimit: 90_000, markInterruptAsFailure: true },
    );
    expect(seen.granted).toBeGreaterThan(300);
    expect(seen.deep).toBeGreaterThan(3);
    expect(seen.long).toBeGreaterThan(2);
    expect(Math.min(seen.impersonated, seen.byOwn)).toBeGreaterThan(0);
    expect([...seen.reasons]).toEqual(
      expect.arrayContaining([
        'withdrawn',
        'may_act_unmet',
        'actor_repeated',
        'chain_too_long',
        'client_not_presenter',
        'no_rule',
      ]),
    );
  }, 120_000);
});
