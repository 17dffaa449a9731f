// The way back from the audience of a token to the targets that it can be of: exact where rules say what they make of a target, along its
// template where they do not, and every target that could have been meant.

import { describe, expect, it } from 'vitest';
import { createTargetsOf } from '../../src/policy/targets-of.ts';
import { compileTexts, target } from '../support/policy.ts';

const ROWS = 'rows: [{ shop: tea, id: 74 }, { shop: "wine/red", id: 75 }]';
const RULES = `
rules:
  - name: shops
    each: { shop: p0.yaml }
    subject: { trust: github, github: { repository_id: <id>, environment: production } }
    allow: [shop]
  - name: spaces
    subject: { trust: eks, kubernetes: { namespace: <ns>, serviceaccount: api } }
    allow: [space]
  - name: bank
    subject: { trust: eks, kubernetes: { namespace: bank, serviceaccount: api } }
    with: { name: north }
    allow: [bank]
`;
const compiled = compileTexts([ROWS, RULES], {
  targets: [
    target('ledger', { address: 'https://api.example/ledger' }),
    target('role', { kind: 'aws', address: 'arn:aws:iam::1:role/x' }),
    target('shop', { address: 'https://<shop>.shops.example' }),
    target('space', { address: 'https://<ns>.spaces.example/api' }),
    target('bank', { address: 'https://<name>-bank.example' }),
    target('unused', { address: 'https://<one>.unused.example' }),
    target('wide', { address: 'https://<any>bank.example' }),
  ],
});
if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
const targetsOf = createTargetsOf(compiled.policy);

describe('the targets of an audience', () => {
  it.each([
    ['an address without parameters', 'https://api.example/ledger', ['ledger']],
    ['what a row makes', 'https://tea.shops.example', ['shop']],
    ['what a row makes of a value with a separator', 'https://wine/red.shops.example', ['shop']],
    ['what a rule captures', 'https://payments.spaces.example/api', ['space']],
    ['what a rule binds, though a template would fit it too', 'https://north-bank.example', ['bank']],
    ['a template that no rule grants', 'https://a.unused.example', ['unused']],
    ['a row that has gone since', 'https://gone.shops.example', ['shop']],
    ['two templates, and no rule', 'https://south-bank.example', ['bank', 'wide']],
  ])('%s', (_title, audience, expected) => {
    expect(targetsOf(audience)).toEqual(expected);
  });

  it.each([
    ['another address', 'https://api.example/other'],
    ['another spelling', 'https://api.example/ledger/'],
    ['a separator in a captured value', 'https://a/b.spaces.example/api'],
    ['a separator in a value of nobody', 'https://a/b.unused.example'],
    ['an empty value', 'https://.spaces.example/api'],
    ['the template itself', 'https://<ns>.spaces.example/api'],
    ['the address of a target that has no tokens', 'arn:aws:iam::1:role/x'],
    ['nothing', ''],
  ])('IN-05 %s is of none', (_title, audience) => {
    expect(targetsOf(audience)).toEqual([]);
  });
});
