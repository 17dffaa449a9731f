// What operators write, read as names: what could mean nobody is refused with what would, and what probably means nobody is said.

import { describe, expect, it } from 'vitest';
import { type KnownNames, readBlocked, readRevoked, readToken } from '../../../src/adapters/control/identities.ts';
import { WITHDRAWAL_NAME_BYTES_MAX } from '../../../src/core/limits-delegation.ts';

const MESH = 'spiffe://prod.example';
const GATEWAY = `${MESH}/ns/mcp/sa/gateway`;
const KNOWN: KnownNames = {
  sources: [
    { name: 'people', kind: 'oidc', issuer: 'https://login.example/' },
    { name: 'github', kind: 'github', issuer: 'https://token.actions.githubusercontent.com' },
    { name: 'mesh', kind: 'spiffe', issuer: MESH },
    { name: 'self', kind: 'self', issuer: 'https://sts.example' },
  ],
  clients: [
    { id: 'litellm', name: 'clients:litellm', spiffe: undefined },
    { id: 'https://app.example/a%20b', name: 'clients:https://app.example/a%2520b', spiffe: undefined },
    { id: 'gateway', name: 'clients:gateway', spiffe: GATEWAY },
    { id: 'agents', name: 'clients:agents', spiffe: `${MESH}/ns/agents/*` },
  ],
  nameProblem: (name) =>
    name.includes('repository_id') || name.startsWith('people:') ? undefined : 'is no name of github principals',
};
const read = (text: string) => readBlocked(text, KNOWN);
const notes = (text: string): string => {
  const found = read(text);
  return found.ok ? found.notes.join('\n') : `refused: ${found.problem}`;
};

describe('whom a block is of', () => {
  it.each([
    'people:alice',
    'people:*',
    'people:team:*',
    'github:repository_id:74:environment:production',
    'github:repository_id:74:*',
    `${MESH}/ns/payments/sa/api`,
    `${MESH}/ns/payments/*`,
    `${MESH}/ns/agents/*`,
    `${MESH}/*`,
    'clients:*',
    `people:${'x'.repeat(WITHDRAWAL_NAME_BYTES_MAX - 7)}`,
  ])('%s is itself, and nothing is to be said', (text) => {
    expect(read(text)).toEqual({ ok: true, identities: [text], notes: [] });
  });

  it.each([
    ['litellm', ['clients:litellm'], 'litellm is a registered client: clients:litellm'],
    ['https://app.example/a%20b', ['clients:https://app.example/a%2520b'], 'is a registered client'],
    ['gateway', ['clients:gateway', GATEWAY], `${GATEWAY} is the registered client gateway: clients:gateway too`],
    [GATEWAY, ['clients:gateway', GATEWAY], `${GATEWAY} is the registered client gateway: clients:gateway too`],
    ['clients:gateway', ['clients:gateway', GATEWAY], 'is the registered client gateway'],
    ['agents', ['clients:agents'], `which \`block '${MESH}/ns/agents/*'\` ends`],
  ])('the client %s is blocked by every name that it has', (text, identities, note) => {
    expect(read(text)).toMatchObject({ ok: true, identities });
    expect(notes(text)).toContain(note);
  });

  it.each([
    ['peopel:alice', 'no source is called peopel: did you mean people?'],
    ['nobody-of-ours:alice', 'no source is called nobody-of-ours; there are: people, github, mesh'],
    ['spiffe://prodd.example/ns/a', `no source proves the trust domain spiffe://prodd.example: did you mean ${MESH}?`],
    ['clients:litelm', 'no client is registered as litelm: did you mean litellm?'],
    ['github:acme/shop', 'github:acme/shop is no name of github principals'],
  ])('%s is blocked, and it is said that it may be nobody', (text, note) => {
    expect(read(text)).toMatchObject({ ok: true, identities: [text] });
    expect(notes(text)).toBe(note);
  });

  it.each([
    ['', 'it is empty'],
    ['*', 'a bare * would block everybody'],
    ['people:al*', 'a * stands after : or /, or strangers whose names begin alike are blocked'],
    ['spiffe://prod.example/ns/a*', 'a * stands after : or /'],
    ['github:repository_id:*:environment:production', 'a * stands at the end alone'],
    ['alice', 'there is no source before a : in it, and no client is registered so'],
    ['litelm', 'no client is registered so: did you mean litellm?'],
    ['https://other.example/client', 'no client is registered as https://other.example/client'],
    [':alice', 'there is no source before a :'],
    ['people:', 'there is no source before a :'],
    ['People:alice', 'there is no source before a :'],
    ['self:people:alice', 'block that one'],
    ['mesh:/ns/payments', 'whoever mesh proves is named by the SPIFFE ID alone'],
    ['SPIFFE://prod.example/ns/a', 'it is no SPIFFE ID'],
    ['spiffe://prod.example', `${MESH}/* is everybody in it`],
    ['spiffe://prod.example/ns//a', 'it is no SPIFFE ID'],
    ['spiffe://*', 'it is no SPIFFE ID'],
    ['people:alice smith', 'everything else in them is percent-encoded'],
    ['people:\u0430lice', 'everything else in them is percent-encoded'],
    ['people:alice\n', 'everything else in them is percent-encoded'],
    [`people:${'x'.repeat(WITHDRAWAL_NAME_BYTES_MAX)}`, 'it is longer than'],
  ])('%j is refused with what would be right', (text, problem) => {
    const found = read(text);
    expect(found).toMatchObject({ ok: false, problem: expect.stringContaining(problem) });
    expect(found.ok ? '' : found.problem).toContain('an identity is a SPIFFE ID or <source>:<name>');
  });
});

describe('whose tokens a revocation ends', () => {
  it.each([
    ['subject', 'people:alice', 'people:alice'],
    ['subject', 'litellm', 'clients:litellm'],
    ['actor', 'gateway', GATEWAY],
    ['actor', GATEWAY, GATEWAY],
    ['client', 'gateway', 'clients:gateway'],
    ['client', GATEWAY, 'clients:gateway'],
    ['client', 'agents', 'clients:agents'],
    ['client', `${MESH}/ns/other/sa/self`, `${MESH}/ns/other/sa/self`],
  ] as const)('%s %s is %s', (what, text, identity) => {
    expect(readRevoked(what, text, KNOWN)).toMatchObject({ ok: true, identities: [identity] });
  });

  it.each([
    ['subject', 'people:*', 'a revocation is of one name'],
    ['actor', 'agents', 'say which, by its SPIFFE ID'],
    ['subject', 'alice', 'there is no source'],
  ] as const)('%s %s is refused', (what, text, problem) => {
    expect(readRevoked(what, text, KNOWN)).toMatchObject({ ok: false, problem: expect.stringContaining(problem) });
  });
});

describe('what stands for a token', () => {
  it.each([
    ['01JCX5V3M8Q4T7W2Y6Z9B1D3F5', { ok: true, by: 'jti' }],
    ['NkjsM3LBFA8_w2F5-6zQ0g', { ok: true, by: 'handle' }],
  ])('%s', (text, found) => expect(readToken(text)).toEqual(found));

  it.each(['', 'abc', '01jcx5v3m8q4t7w2y6z9b1d3f5', '01JCX5V3M8Q4T7W2Y6Z9B1D3FU', 'NkjsM3LBFA8_w2F5-6zQ0g=', 'a.b.c'])(
    '%j is none, and is not repeated',
    (text) => {
      const found = readToken(text);
      expect(found).toMatchObject({ ok: false, problem: expect.stringContaining('a token is named by its jti') });
    },
  );
});
