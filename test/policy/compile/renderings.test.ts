// What a captured value could make of an address: never what is somebody else's, a target's in any spelling or our own issuer.

import { describe, expect, it } from 'vitest';
import { createPolicy } from '../../../src/policy/decide.ts';
import { compileTexts, type PolicyTexts, policyOf, principalOf, question, target } from '../../support/policy.ts';

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
