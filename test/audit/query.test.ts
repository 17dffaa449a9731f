// Which records `audit query` means: by person through every hop, by agent wherever it stands in a chain, by token with all that was made
// of it.

import { describe, expect, it } from 'vitest';
import { createQuery, type Wanted } from '../../src/audit/query.ts';
import { handleOf } from '../../src/parsing/token-handle.ts';

const OURS = 'https://sts.example';
const PERSON = { source: 'people', iss: 'https://login.example/', sub: 'alice', name: 'people:alice' };
const AGENT = {
  source: 'mesh',
  iss: 'spiffe://prod.example',
  sub: 'spiffe://prod.example/ns/agents/sa/assistant',
  name: 'spiffe://prod.example/ns/agents/sa/assistant',
};
const JOB = {
  source: 'github',
  iss: 'https://token.actions.githubusercontent.com',
  sub: 'repo:example-org@65/shop@74:environment:production',
  name: 'github:repository_id:74:environment:production',
};
const GATEWAY = { id: 'mcp-gateway', source: 'clients', iss: OURS, sub: 'mcp-gateway', name: 'clients:mcp-gateway' };
const LEDGER = { id: 'ledger-api', source: 'clients', iss: OURS, sub: 'ledger-api', name: 'clients:ledger-api' };
const acting = ({ iss, sub }: { readonly iss: string; readonly sub: string }) => ({ iss, sub });
const OUTSIDE = handleOf(PERSON.iss, 'login-1');

const record = (decision: string, hour: number, more: object) => ({
  event: 'exchange',
  decision,
  time: `2026-11-21T0${hour}:00:00.000Z`,
  outcome: 'granted',
  ...more,
});
/** Alice by the assistant through the gateway, then on from the ledger; a job by itself; a refused one, one where nobody was proved. */
const TRAIL = [
  record('A', 1, {
    subject: PERSON,
    actor: AGENT,
    actors: [acting(AGENT)],
    client: GATEWAY,
    target: 'ledger',
    jti: 'A',
    lineage: [OUTSIDE],
    origin: acting(PERSON),
  }),
  record('B', 2, {
    subject: { source: 'self', iss: OURS, sub: PERSON.name, name: PERSON.name },
    actors: [acting(LEDGER), acting(AGENT)],
    client: LEDGER,
    target: 'archive',
    jti: 'B',
    lineage: [OUTSIDE, handleOf(OURS, 'A')],
    origin: acting(PERSON),
  }),
  record('C', 3, { subject: JOB, target: 'deploy', jti: 'C', origin: acting(JOB) }),
  record('D', 4, {
    outcome: 'refused',
    subject: { ...PERSON, sub: 'bob', name: 'people:bob' },
    actor: JOB,
    asked: { targets: ['ledger'] },
  }),
  record('E', 5, { outcome: 'refused', reason: 'expired' }),
  { event: 'block', time: '2026-11-21T06:00:00.000Z', identity: AGENT.name },
];
const lines = TRAIL.map((each) => JSON.stringify(each));

function meant(wanted: Wanted, trail: readonly string[] = lines): string {
  const judge = createQuery(wanted);
  return trail
    .map(judge)
    .flatMap((queried) => (queried.is === 'meant' ? [String(queried.record.decision)] : []))
    .join('');
}

describe('audit query', () => {
  it.each<[string, Wanted, string]>([
    ['nothing is asked: every request', {}, 'ABCDE'],
    ['a person by name, in every hop', { subject: 'people:alice' }, 'AB'],
    ['a person by the first sub, in every hop', { subject: 'alice' }, 'AB'],
    ['everybody of a source', { subject: 'people:*' }, 'ABD'],
    ['a prefix that is nobody', { subject: 'people:ali' }, ''],
    ['a workload by its sub, which changes under its name', { subject: JOB.sub }, 'C'],
    ['an agent, current or earlier', { actor: AGENT.name }, 'AB'],
    ['everybody below a path who acts', { actor: 'spiffe://prod.example/ns/agents/*' }, 'AB'],
    ['an actor by iss and sub', { actor: `${OURS} ledger-api` }, 'B'],
    ['an actor by sub alone', { actor: 'ledger-api' }, 'B'],
    ['a client that acts, by its name, though `act` has only its sub', { actor: 'clients:ledger-api' }, 'B'],
    ['a client that asks and does not act is no actor', { actor: 'clients:mcp-gateway' }, ''],
    ['an actor whose request was refused', { actor: JOB.name }, 'D'],
    ['a client by id', { client: 'mcp-gateway' }, 'A'],
    ['a client by name', { client: 'clients:ledger-api' }, 'B'],
    ['a target, granted or asked for', { target: 'ledger' }, 'AD'],
    ['an outcome', { outcome: 'refused' }, 'DE'],
    ['from a time on', { sinceSeconds: Date.parse('2026-11-21T03:00:00Z') / 1000 }, 'CDE'],
    ['until before a time', { untilSeconds: Date.parse('2026-11-21T03:00:00Z') / 1000 }, 'AB'],
    ['a token of ours, and what was made of it', { token: 'A' }, 'AB'],
    ['a token that nothing was made of', { token: 'B' }, 'B'],
    ['a token from outside by its jti', { token: 'login-1' }, 'AB'],
    ['a token by its handle', { token: OUTSIDE }, 'AB'],
    ['another issuer with the same jti is another token', { token: handleOf('https://other.example', 'login-1') }, ''],
    [
      'all at once',
      { subject: 'people:alice', actor: AGENT.name, client: 'mcp-gateway', target: 'ledger', outcome: 'granted' },
      'A',
    ],
    ['all but one at once', { subject: 'people:alice', actor: AGENT.name, client: 'ledger-api', target: 'ledger' }, ''],
  ])('%s', (_title, wanted, decisions) => {
    expect(meant(wanted)).toBe(decisions);
  });

  it('an earlier actor that is a job is found by the name that it proved before, under whatever sub', () => {
    const chained = record('F', 7, { subject: PERSON, actors: [acting(LEDGER), acting(JOB)] });
    expect(meant({ actor: JOB.name }, [...lines, JSON.stringify(chained)])).toBe('DF');
    expect(
      meant({ actor: 'github:repository_id:75:environment:production' }, [...lines, JSON.stringify(chained)]),
    ).toBe('');
  });

  it.each([
    ['a cut line', '{"event":"exchange","deci'],
    ['no object', '"exchange"'],
    ['no event', '{"decision":"A"}'],
    ['a time that is none', '{"event":"exchange","decision":"A","time":"yesterday"}'],
    ['an own property that is none', '{"__proto__":{"event":"exchange"}}'],
  ])('%s is damaged', (_title, line) => {
    expect(createQuery({})(line)).toEqual({ is: 'damaged' });
  });

  it('members of other types than ours mean nobody, and end nothing', () => {
    const odd = record('O', 1, {
      subject: 'people:alice',
      actor: ['x'],
      actors: 7,
      lineage: {},
      client: null,
      asked: 1,
    });
    const line = JSON.stringify(odd);
    for (const wanted of [
      { subject: 'people:alice' },
      { actor: 'x' },
      { client: 'x' },
      { target: 'x' },
      { token: 'x' },
    ])
      expect(createQuery(wanted)(line)).toEqual({ is: 'other' });
    expect(meant({}, [line])).toBe('O');
  });
});
