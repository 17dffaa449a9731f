// Who acts, and who confirmed, as rules write it: pinned like the subject, within what folders and sources may speak of and reach, for
// rows and defaults alike; and the pin of our own tokens.

import { describe, expect, it } from 'vitest';
import { compilePolicy } from '../../../src/policy/compile/compile.ts';
import { createPolicy } from '../../../src/policy/decide.ts';
import {
  ALL_SOURCES,
  CLIENTS,
  compileTexts,
  delegated,
  documentOf,
  person,
  policyOf,
  problemsOf,
  question,
  SOURCES,
  TARGETS,
  workload,
} from '../../support/policy.ts';

const WORLD = { sources: ALL_SOURCES };
const ALICE = 'subject: { trust: people, sub: alice }';
const AGENT = 'actor: { trust: mesh, sub: spiffe://example.org/ns/agents/sa/assistant }';
const rule = (members: string) => `rules: [{ name: r, ${members} }]`;
const problems = (members: string, world: Parameters<typeof problemsOf>[1] = WORLD) =>
  problemsOf(rule(members), world).map((line) => line.replace(/^\S+ /, ''));

describe('a rule for people', () => {
  it.each([
    `${ALICE}, actor: client, client: gateway`,
    `${ALICE}, actor: client, client: [gateway, batch]`,
    `${ALICE}, ${AGENT}`,
    `${ALICE}, ${AGENT}, client: gateway`,
    `${ALICE}, ${AGENT}, confirm: { acr: [mfa], maxAge: 10m }`,
  ])('loads with %s', (members) => {
    expect(problems(`${members}, allow: [deploy]`)).toEqual([]);
  });

  it.each([
    [ALICE, 'people: people are acted for; say who acts (actor), or impersonate: true'],
    [`${ALICE}, actor: client`, 'client must be named: nobody else would pin who asks'],
    [`${ALICE}, impersonate: true`, 'client must be named: nobody else would pin who asks'],
    [`${ALICE}, ${AGENT}, impersonate: true`, 'a rule names who acts, or impersonates; not both'],
    [`${ALICE}, impersonate: false`, 'impersonate must be true'],
    [`${ALICE}, actor: { trust: mesh }`, 'actor does not pin sub'],
    [`${ALICE}, actor: { trust: mesh, sub: "spiffe://example.org/*" }`, 'actor does not pin sub'],
    [`${ALICE}, actor: { sub: spiffe://example.org/ns/a }`, 'actor names no trust source'],
    [`${ALICE}, actor: { trust: mash, sub: x }`, 'mash is no trust source; did you mean mesh?'],
    [`${ALICE}, actor: { trust: mesh, sbu: x }`, 'sbu is not known here'],
    [`${ALICE}, actor: { trust: github, github: { repository_id: 74 } }`, 'actor does not pin its context'],
    [`${ALICE}, actor: { trust: clients, sub: gateway }`, 'no token proves a registered client'],
    [`${ALICE}, actor: nobody`, 'actor must be client'],
    [`${ALICE}, actor: { trust: mesh, sub: spiffe://example.org/ns/<x> }`, '<x> captures nothing here'],
    [`${ALICE}, ${AGENT}, confirm: {}`, 'confirm needs acr or maxAge'],
    [`${ALICE}, ${AGENT}, confirm: { acr: mfa }`, 'confirm.acr must be a list'],
    [`${ALICE}, ${AGENT}, confirm: { maxAge: 5 }`, 'must be a duration'],
  ])('does not load with %s', (members, message) => {
    expect(problems(`${members}, allow: [deploy]`).join('\n')).toContain(message);
    expect(problems(`${ALICE}, ${AGENT}, allow: [deploy]`)).toEqual([]);
  });

  it('of workloads beside people says who acts too', () => {
    const both = '{ trust: [idp, people], sub: alice }';
    expect(problems(`subject: ${both}, allow: [deploy]`)).toEqual([
      expect.stringContaining('people: people are acted for'),
    ]);
    expect(problems(`subject: ${both.replace(', people', '')}, allow: [deploy]`)).toEqual([]);
  });

  it.each([`${AGENT}`, 'actor: client, client: gateway', 'impersonate: true', 'confirm: { maxAge: 5m }'])(
    'that denies has no %s: it would mean nothing',
    (member) => {
      const key = member.split(':')[0];
      expect(problems(`${ALICE}, deny: all, ${member}`)).toEqual([`rules[0].${key} means nothing in a deny`]);
    },
  );
});

describe('who acts, by defaults and rows', () => {
  const file = (rules: string, defaults = AGENT) => `defaults: { ${defaults} }\nrules:\n${rules}`;
  const compiled = (...texts: readonly string[]) => {
    const read = compileTexts(texts, WORLD);
    return read.ok ? read.policy.rules : read.problems.map(({ path, message }) => `${path} ${message}`);
  };

  it('is taken from the defaults of the file, and left out of denies and of rules that impersonate', () => {
    const rules = compiled(
      file(
        `  - { name: a, ${ALICE}, allow: [deploy] }\n  - { name: d, ${ALICE}, deny: all }\n` +
          `  - { name: i, ${ALICE}, impersonate: true, client: gateway, allow: [deploy], accept: { impersonation: "a pilot" } }\n`,
      ),
    );
    expect(rules).toMatchObject([
      { name: 'a', actor: { by: 'token', matches: [{ source: 'mesh' }] } },
      { name: 'd', effect: 'deny' },
      { name: 'i', actor: { by: 'impersonation' } },
    ]);
  });

  it('is what the rule says where both say it, and wrong defaults are reported where they stand', () => {
    const own = compiled(file(`  - { name: a, ${ALICE}, actor: client, client: gateway, allow: [deploy] }\n`));
    expect(own).toMatchObject([{ actor: { by: 'client' } }]);
    expect(compiled(file(`  - { name: a, ${ALICE}, allow: [deploy] }\n`, 'actor: { trist: mesh }'))).toEqual([
      expect.stringMatching(/^defaults.actor.trist is not known here; .* did you mean trust\?$/),
      expect.stringContaining('people are acted for'),
    ]);
  });

  it('is bound by rows and constants', () => {
    const rows = 'rows:\n  - { agent: reader, group: audit }\n  - { agent: writer, group: finance }\n';
    const rules = `rules:
  - name: agents
    each: { agent: p0.yaml }
    with: { domain: example.org }
    subject: { trust: people, claims: { groups: { has: <group> } } }
    actor: { trust: mesh, sub: spiffe://<domain>/ns/agents/sa/<agent> }
    allow: [deploy]
`;
    const read = compileTexts([rows, rules], WORLD);
    if (!read.ok) throw new Error(JSON.stringify(read.problems));
    const policy = createPolicy(read.policy);
    const ask = (groups: readonly string[], agent: string) =>
      policy.decide(
        question(person({ groups }), 'deploy', { delegation: delegated(workload(`ns/agents/sa/${agent}`)) }),
      );
    expect(ask(['finance'], 'writer')).toMatchObject({ granted: true, grant: { rule: { name: 'agents[writer]' } } });
    expect(ask(['finance'], 'reader')).toMatchObject({ granted: false, refusal: { reason: 'no_rule' } });
  });
});

describe('who acts, within bounds', () => {
  const scoped = (members: string, scope: { trust?: readonly string[]; reach?: readonly string[] }) => {
    const compiled = compilePolicy({
      documents: [documentOf(rule(members), 'team/a.yaml')],
      scopes: new Map([['team/a.yaml', [scope]]]),
      sources: ALL_SOURCES,
      targets: TARGETS,
      clients: CLIENTS,
    });
    return compiled.ok ? [] : compiled.problems.map(({ path, message }) => `${path} ${message}`);
  };

  it("of a folder is of the folder's own sources", () => {
    const members = `${ALICE}, ${AGENT}, allow: [deploy]`;
    expect(scoped(members, { trust: ['people', 'mesh'] })).toEqual([]);
    expect(scoped(members, { trust: ['people'] })).toEqual([
      'rules[0].actor.trust this folder speaks of people only, and not of mesh',
    ]);
  });

  it('gets nobody what its own source may not reach', () => {
    const sources = ALL_SOURCES.map((one) => (one.name === 'mesh' ? { ...one, reach: ['deploy'] } : one));
    expect(problems(`${ALICE}, ${AGENT}, allow: [deploy]`, { sources })).toEqual([]);
    expect(problems(`${ALICE}, ${AGENT}, allow: { ledger: [read] }`, { sources })).toEqual([
      'rules[0].allow mesh reaches deploy only (its reach), and not ledger',
    ]);
  });
});

describe('a rule for our own tokens', () => {
  const own = (block: string, more = 'actor: client, client: gateway') =>
    problems(`subject: { trust: self, self: { ${block} } }, ${more}, allow: [deploy]`);
  const AUD = 'aud: https://api.example/first';

  // The reach of a source bounded its own tokens alone: by one of ours about the same person, everything could be had.
  it.each([
    ['people:alice', ['people']],
    ['"people:*"', ['people']],
    ['["idp:robot", "people:*"]', ['people']],
    ['"spiffe://example.org/ns/*"', ['mesh']],
    ['"*:alice"', ['mesh', 'people']],
    ['"peoples:*"', []],
    ['"idp:people:alice"', []],
    ['"spiffe://example.org.evil/ns/*"', []],
  ])('about %s is within what %j may reach', (sub, bounded) => {
    const sources = ALL_SOURCES.map((one) =>
      ['mesh', 'people'].includes(one.name) ? { ...one, reach: ['deploy'] } : one,
    );
    const rule = `subject: { trust: self, self: { ${AUD}, sub: ${sub} } }, actor: client, client: gateway`;
    expect(problems(`${rule}, allow: [deploy]`, { sources })).toEqual([]);
    expect(problems(`${rule}, allow: { ledger: [read] }`, { sources })).toEqual(
      bounded.map((name) => `rules[0].allow ${name} reaches deploy only (its reach), and not ledger`),
    );
  });

  it.each([
    `${AUD}, sub: people:alice`,
    `${AUD}, sub: "people:*"`,
    `${AUD}, sub: "eks:system:serviceaccount:payments:*"`,
    `${AUD}, sub: [people:alice, people:bob]`,
    `${AUD}, sub: spiffe://example.org/ns/payments/sa/api`,
    `aud: [https://api.example/first, https://api.example/second], sub: people:alice`,
  ])('is pinned by its audience and its subject: %s', (block) => {
    expect(own(block)).toEqual([]);
  });

  it.each([
    [AUD, 'does not pin its context: one of sub must'],
    ['sub: people:alice', 'does not pin aud'],
    ['aud: "https://api.example/*", sub: people:alice', 'does not pin aud'],
    [`${AUD}, sub: "*"`, 'which that of sub is not'],
    [`${AUD}, sub: "*:*"`, 'which that of sub is not'],
    [`${AUD}, sub: "people:a*"`, 'which that of sub is not'],
    [`${AUD}, sub: "peo*"`, 'which that of sub is not'],
  ])('does not load with { %s }', (block, message) => {
    expect(own(block).join('\n')).toContain(message);
  });

  it('says who acts, or that nobody is named, whomever it is about', () => {
    expect(own(`${AUD}, sub: eks:x`, 'client: gateway')).toEqual([
      expect.stringContaining('self: people are acted for'),
    ]);
    expect(
      own(`${AUD}, sub: eks:x`, 'client: gateway, impersonate: true, accept: { impersonation: "a pilot" }'),
    ).toEqual([]);
  });

  it('and nobody pins one by claims of its first proof', () => {
    expect(own(`${AUD}, origin_sub: alice`)).toEqual([expect.stringContaining('one of sub must')]);
    expect(SOURCES.map(({ name }) => name)).not.toContain('self');
    expect(policyOf(rule(`${ALICE}, ${AGENT}, allow: [deploy]`), WORLD).sources).toContainEqual(
      expect.objectContaining({ name: 'self', people: true }),
    );
  });
});
