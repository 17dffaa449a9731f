// The phase alone, on principals that no source here would prove together: who is the subject of a token of ours by its first proof, and
// who acts where nobody does.

import { describe, expect, it } from 'vitest';
import type { Snapshot } from '../../src/core/ports.ts';
import { asProved, type Carried, type ProvedPrincipal } from '../../src/core/principal.ts';
import { proveDelegation } from '../../src/core/prove.ts';
import { createPath, provedSubject } from '../support/path.ts';

const snapshot: Snapshot = createPath().snapshot;
const who = (name: string, issuer: string, subject: string, carried?: Partial<Carried>): ProvedPrincipal => {
  const { proof, ...principal } = provedSubject();
  const all = { actors: [], mayAct: undefined, scopesMax: undefined, authentication: undefined, own: undefined };
  const source = name.slice(0, name.indexOf(':'));
  return asProved({ ...principal, name, source, issuer, subject }, { ...proof, carried: { ...all, ...carried } });
};
const own = who('staff:alice', 'https://sts.example', 'staff:alice', {
  own: { lineage: [], origin: { iss: 'https://idp.example', sub: 'alice' }, clientId: 'x' },
});
const said = (subject: ProvedPrincipal, actor: ProvedPrincipal): string => {
  const delegation = proveDelegation(snapshot, { subject, actor, client: undefined });
  return delegation.ok ? 'proved' : delegation.refusal.reason;
};

describe('whoever acts', () => {
  it('TX-50 is not the subject by the name that we gave, nor by the first proof of its chain', () => {
    expect(said(own, who('staff:alice', 'https://other.example', 'x'))).toBe('actor_is_subject');
    // One provider with two sources: its people have two names, and one proof.
    expect(said(own, who('guests:alice', 'https://idp.example', 'alice'))).toBe('actor_is_subject');
    expect(said(own, who('guests:alice', 'https://other.example', 'alice'))).toBe('proved');
    expect(said(own, who('guests:bob', 'https://idp.example', 'bob'))).toBe('proved');
  });

  it('TX-50 is not the subject by issuer and sub, whatever its source', () => {
    const subject = who('staff:alice', 'https://idp.example', 'alice');
    expect(said(subject, who('guests:alice', 'https://idp.example', 'alice'))).toBe('actor_is_subject');
    expect(said(subject, who('guests:alice', 'https://other.example', 'alice'))).toBe('proved');
  });
});
