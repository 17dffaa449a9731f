// Lints that compare rules, where rules say who acts and who confirmed.

import { describe, expect, it } from 'vitest';
import { ALL_SOURCES, compileTexts } from '../../support/policy.ts';

const lintsOf = (...texts: readonly string[]): readonly string[] => {
  const compiled = compileTexts(texts, { sources: ALL_SOURCES });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return compiled.findings.map(({ lint, about }) => `${lint} ${about}`).sort();
};

const rules = (...members: readonly string[]) =>
  `rules:\n${members.map((one, index) => `  - { name: r${index}, ${one} }\n`).join('')}`;
const GROUP = 'trust: people, claims: { groups: { has: finance } }';
const ALICE = 'trust: people, sub: alice';
const CLIENT = 'actor: client, client: gateway, allow: [deploy]';
const agent = (name: string) => `actor: { trust: mesh, sub: spiffe://example.org/ns/${name} }, client: gateway`;

describe('a rule that another makes needless', () => {
  const narrow = `subject: { ${ALICE}, claims: { department: x } }`;

  it('is one with the same actor, and no confirmation that the other wants', () => {
    expect(lintsOf(rules(`subject: { ${ALICE} }, ${CLIENT}`, `${narrow}, ${CLIENT}`))).toEqual(['wider-rule r1']);
    expect(lintsOf(rules(`subject: { ${ALICE} }, ${CLIENT}`, `${narrow}, ${CLIENT}, confirm: { maxAge: 5m }`))).toEqual(
      ['wider-rule r1'],
    );
    expect(lintsOf(rules(`subject: { ${ALICE} }, ${CLIENT}, confirm: { maxAge: 5m }`, `${narrow}, ${CLIENT}`))).toEqual(
      [],
    );
    expect(lintsOf(rules(`subject: { ${ALICE} }, ${CLIENT}`, `${narrow}, ${agent('a')}, allow: [deploy]`))).toEqual([]);
  });
});

describe('rows for people', () => {
  const rule = (actor: string) =>
    `rules:\n  - { name: r, each: { agent: p0.yaml }, subject: { ${GROUP.replace('finance', '<group>')} }, ${actor}, allow: [deploy] }\n`;

  it('may name one group with several agents, and not one agent twice', () => {
    const rows = (...agents: readonly string[]) =>
      `rows:\n${agents.map((one, index) => `  - { agent: n${index}, path: ${one}, group: finance }\n`).join('')}`;
    expect(lintsOf(rows('a', 'b'), rule(agent('<path>')))).toEqual([]);
    expect(lintsOf(rows('a', 'a'), rule(agent('<path>')))).toEqual(['same-row-id r']);
  });
});
