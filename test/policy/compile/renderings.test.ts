// What a captured value could make of an address: never what is somebody else's, a target's in any spelling or our own issuer.

import { describe, expect, it } from 'vitest';
import { createPolicy } from '../../../src/policy/decide.ts';
import {
  compileTexts,
  joinedPolicy,
  type PolicyTexts,
  policyOf,
  principalOf,
  question,
  target,
} from '../../support/policy.ts';

const NS =
  'rules: [{ name: ns, subject: { trust: eks, kubernetes: { namespace: <ns>, serviceaccount: api } }, allow: [space] }]';
const problems = (text: string, world: PolicyTexts) => {
  const compiled = compileTexts([text], world);
  return compiled.ok ? [] : compiled.problems.map(({ message }) => message);
};
const pod = (namespace: string) =>
  principalOf('eks', { 'kubernetes.io': { namespace, serviceaccount: { name: 'api' } }, sub: namespace });

describe('an address that a captured value makes', () => {
  const space = (address: string) => target('space', { address });

  // Only addresses without captures were compared: whoever had the namespace `ledger` got tokens with the ledger's own `aud`, past the
  // ledger's denies, its `require` and the `reach` of the folder.
  it.each([
    ['https://api.example/<ns>', 'https://api.example/ledger', 'ledger'],
    ['https://<ns>.example/x', 'https://ledger.example/x', 'ledger'],
    ['https://api.example/<ns>', 'https://API.example:443/ledger', 'ledger'],
    ['https://api.example/v-<ns>', 'https://api.example/v-1.2', '1.2'],
  ])('%s is never %s of another target', (template, address, ns) => {
    const ledger = target('ledger', { address });
    expect(problems(NS, { targets: [space(template), ledger] })).toEqual([
      expect.stringMatching(/^may make https:\/\/.* of space, which is ledger, where <ns> is "/),
    ]);
    expect(problems(NS, { targets: [space(template), ledger] }).join()).toContain(`<ns> is "${ns}"`);
  });

  it('is never the name of another target', () => {
    expect(problems(NS, { targets: [target('ledger'), space('<ns>')] }).join()).toContain(
      'may make ledger of space, which is ledger',
    );
  });

  // The configuration refuses our own issuer as an address as it is written, and did not see what rules make of one.
  it('is never our own issuer, captured or bound', () => {
    const world = { targets: [space('https://<ns>.acme.example')], issuer: 'https://sts.acme.example' };
    expect(problems(NS, world)).toEqual([
      'may make https://sts.acme.example of space, which is our own issuer, where <ns> is "sts"',
    ]);
    const bound =
      'rules: [{ name: r, with: { ns: STS }, subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }, allow: [space] }]';
    expect(problems(bound, world)).toEqual(['makes https://STS.acme.example of space, which is our own issuer']);
    expect(problems(NS, { ...world, issuer: 'https://sts.example' })).toEqual([]);
  });

  it.each([
    ['https://api.example/<ns>', 'https://api.example/ledger/x'],
    ['https://api.example/<ns>', 'https://api.example'],
    ['https://api.example/<ns>', 'https://api.example/a%2Fb'],
    ['https://<ns>.spaces.example', 'https://api.ledger.spaces.other'],
  ])('%s loads beside %s, which no value makes of it', (template, address) => {
    expect(problems(NS, { targets: [space(template), target('ledger', { address })] })).toEqual([]);
  });

  // Two spellings of one resource counted as two, and a row could name the other one.
  it('is one with every other spelling of it', () => {
    const rule = (x: string) =>
      `rules: [{ name: r, with: { x: "${x}" }, subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }, allow: [host] }]`;
    const targets = [
      target('host', { address: 'https://<x>' }),
      target('ledger', { address: 'https://api.example/a' }),
    ];
    for (const x of ['api.example/a', 'API.example/a', 'api.example:443/a'])
      expect(problems(rule(x), { targets }).join()).toContain('which is ledger');
    expect(problems(rule('api.example/A'), { targets })).toEqual([]);
  });
});

// `parameters['constructor']` of a plain object is a function: every decision about such a rule threw, and was a `server_error`.
it('captures a parameter of any name', () => {
  const targets = [target('space', { address: 'https://api.example/<constructor>' })];
  const rule = NS.replace('<ns>', '<constructor>');
  expect(createPolicy(policyOf(rule, { targets })).decide(question(pod('payments'), 'space'))).toMatchObject({
    granted: true,
    grant: { parameters: { constructor: 'payments' } },
  });
});

const TWINS = [
  target('one', { address: 'https://t.example/<ns>' }),
  target('two', { address: 'https://t.example/<sa>' }),
];
const both = [
  'rules: [{ name: a, subject: { trust: eks, kubernetes: { namespace: <ns>, serviceaccount: api } }, allow: [one] }]',
  'rules: [{ name: b, subject: { trust: eks, kubernetes: { namespace: api, serviceaccount: <sa> } }, allow: [two] }]',
];

// A mutant that lived: the first of the two was taken, and what the other target requires of everyone was not asked.
it('A-133: an address that two rules make of two targets names neither', () => {
  const decide = createPolicy(joinedPolicy(both, { targets: TWINS })).decide;
  expect(decide(question(pod('api'), 'https://t.example/api'))).toMatchObject({
    refusal: { reason: 'target_ambiguous', rules: ['a', 'b'] },
  });
  expect(decide(question(pod('api'), 'one'))).toMatchObject({ grant: { target: 'one' } });
});

// Mutants that lived.
it('keeps a bound value apart from the captured one behind it', () => {
  const mixed =
    'rules: [{ name: c, with: { a: x }, subject: { trust: eks, kubernetes: { namespace: <b>, serviceaccount: api } }, allow: [mixed] }]';
  const targets = [target('mixed', { address: 'https://x.example/<a>-<b>' })];
  expect(problems(mixed, { targets }).join()).toContain('<b> is captured and stands in the address of mixed beside');
});

it.each(['\\u200b', '\\u202e', '\\u2028', '\\u2029'])('binds nothing that nobody sees: %s', (hidden) => {
  const rule = `rules: [{ name: r, with: { x: "a${hidden}b" }, subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }, allow: [one] }]`;
  expect(problems(rule, { targets: [target('one', { address: 'https://t.example/<x>' })] }).join()).toContain(
    'must not have',
  );
});

describe('addresses of two targets with parameters', () => {
  const targets = (one: string, two: string) => [target('one', { address: one }), target('two', { address: two })];
  const rules = (own: string) => `rules:
  - { name: a, subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }, with: { repo: shop }, allow: [one] }
  - { name: b, subject: { trust: eks, kubernetes: { namespace: <ns>, serviceaccount: api } }, allow: ${own} }
`;

  // A team whose folder reaches only `two` gave the namespace `main` what `one` is for its own callers, past its denies and `require`.
  it.each([
    ['https://x.example/<repo>/main', 'https://x.example/shop/<ns>'],
    ['https://x.example/<repo>-v1', 'https://x.example/shop-<ns>'],
    ['https://<repo>.example', 'https://<ns>.example'],
    ['https://x.example/<repo>', 'https://x.example/s<ns>'],
  ])('%s and %s do not load where they can be one', (one, two) => {
    expect(problems(rules('[two]'), { targets: targets(one, two) })).toEqual([
      expect.stringMatching(/^may make what a makes of one: /),
    ]);
  });

  it.each([
    ['https://x.example/<repo>/main', 'https://x.example/pay/<ns>'],
    ['https://x.example/<repo>/main', 'https://x.example/shop/<ns>/x'],
    ['https://x.example/<repo>', 'https://y.example/<ns>'],
    ['https://x.example/<repo>', 'https://x.example/shop<ns>'],
    ['https://x.example/<repo>', 'https://x.example/a/<ns>'],
  ])('%s and %s load, which cannot', (one, two) => {
    expect(problems(rules('[two]'), { targets: targets(one, two) })).toEqual([]);
  });

  it('of two captures do not load where some text is both', () => {
    const two = (one: string, other: string) =>
      problems(
        `rules:
  - { name: a, subject: { trust: eks, kubernetes: { namespace: <ns>, serviceaccount: api } }, allow: [one] }
  - { name: b, subject: { trust: eks, kubernetes: { namespace: api, serviceaccount: <sa> } }, allow: [two] }
`,
        { targets: targets(one, other) },
      );
    expect(two('https://x.example/<ns>', 'https://x.example/<sa>')).toHaveLength(1);
    expect(two('https://x.example/<ns>/b', 'https://x.example/a/<sa>')).toHaveLength(1);
    expect(two('https://x.example/a-<ns>', 'https://x.example/<sa>-b')).toHaveLength(1);
    expect(two('https://x.example/<ns>/a', 'https://x.example/<sa>/b')).toEqual([]);
    expect(two('https://x.example/a/<ns>', 'https://x.example/b/<sa>')).toEqual([]);
  });

  it('that cannot meet are told by their beginnings: ten thousand of them cost no time', () => {
    const rows = `rows: [${Array.from({ length: 5_000 }, (_, index) => `{ repo: r${index}, id: ${index + 1} }`).join(', ')}]`;
    const text = `rules:
  - { name: a, each: { repo: p1.yaml }, subject: { trust: github, github: { repository_id: <id>, ref: refs/heads/main } }, allow: [one] }
  - { name: b, subject: { trust: eks, kubernetes: { namespace: <ns>, serviceaccount: api } }, allow: [two] }
`;
    const before = process.threadCpuUsage();
    const world = { targets: targets('https://x.example/<repo>/main', 'https://y.example/<ns>') };
    expect(compileTexts([text, rows], world).ok).toBe(true);
    const { user, system } = process.threadCpuUsage(before);
    expect((user + system) / 1e6).toBeLessThan(5);
  });
});
