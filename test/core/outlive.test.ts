// How long what a cloud gives may live: DESIGN's rule about credentials that outlive what they were made from.

import { describe, expect, it } from 'vitest';
import type { Outlive, ProvedGrant } from '../../src/core/decision.ts';
import { issueOrder } from '../../src/core/issue.ts';
import type { TokenRequest } from '../../src/core/request.ts';
import { createPath, NOW, provedSubject, RECEIVED } from '../support/path.ts';

const issuer = createPath().snapshot.issuers.get('ledger');
if (!issuer || !RECEIVED.request.ok) throw new Error('the path has no issuer');
const request: TokenRequest = RECEIVED.request.value;

/** When the order ends, in seconds from now, or the reason that there is none. */
function endOf(outlive: Outlive | undefined, { lifetime = 3_600, left = 300 } = {}): number | object {
  if (!issuer) throw new Error('no issuer');
  const subject = provedSubject({ expiresAt: NOW + left });
  const grant: ProvedGrant = {
    target: 'deploy',
    parameters: {},
    scopes: [],
    lifetimeSeconds: lifetime,
    outlive,
    rule: { name: 'r', at: 'r.yaml:1', owner: undefined },
    subject,
    actor: undefined,
    actors: [],
    clientId: subject.name,
    boundTo: undefined,
  };
  const order = issueOrder(grant, request, { id: 'D', issuer, nowSeconds: NOW, standing: NOTHING });
  return order.ok ? order.value.expiresAt - NOW : order.refusal;
}

const NOTHING = { parties: [], tokens: [], ancestors: [] };

const upTo = (what: Outlive['upTo']): Outlive => ({ floorSeconds: 900, upTo: what });

describe('what is issued ends', () => {
  it('with the credential that it was made from, where it is a token (A-162)', () => {
    expect(endOf(undefined)).toBe(300);
    expect(endOf(undefined, { left: 7_200 })).toBe(3_600);
  });

  it('after all that was granted, where a workload has it from a cloud: CI tokens live five minutes', () => {
    expect(endOf(upTo('lifetime'))).toBe(3_600);
  });

  it.each([
    ['at the floor, where a person has less left', 300, 900],
    ['with the person`s credential, where that is beyond the floor', 1_200, 1_200],
    ['after all that was granted, where the person has more left', 7_200, 3_600],
  ])('%s', (_title, left, ends) => {
    expect(endOf(upTo('floor'), { left })).toBe(ends);
  });

  it('with the credential where the target says `outlive: false`, and cannot be had below the floor: both times are named', () => {
    expect(endOf(upTo('nothing'), { left: 1_000 })).toBe(1_000);
    expect(endOf(upTo('nothing'), { left: 900 })).toBe(900);
    expect(endOf(upTo('nothing'), { left: 899 })).toEqual({
      reason: 'would_outlive',
      target: 'deploy',
      credentialEndsAt: NOW + 899,
      earliestEndAt: NOW + 900,
    });
  });

  it('never later than was granted, whoever has it', () => {
    for (const what of ['lifetime', 'floor', 'nothing'] as const)
      expect(endOf(upTo(what), { lifetime: 900, left: 7_200 })).toBe(900);
  });

  it('before it begins, where the credential has ended: a workload`s too', () => {
    for (const what of ['lifetime', 'floor', 'nothing'] as const)
      expect(endOf(upTo(what), { left: 0 })).toEqual({ role: 'subject', source: 'github', reason: 'expired' });
  });
});
