import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/core/json.ts';
import type { CredentialRefusal } from '../../../src/core/refusal.ts';
import { GITHUB } from '../../../src/platforms/github.ts';
import { KUBERNETES } from '../../../src/platforms/kubernetes.ts';
import { SPIFFE } from '../../../src/platforms/spiffe.ts';
import { credentialCause, type SourceFacts } from '../../../src/policy/explain/credential-cause.ts';
import { nearestIssuer } from '../../../src/policy/explain/issuer-cause.ts';
import { instant, spanText } from '../../../src/policy/explain/time-cause.ts';
import { NOW } from '../../support/policy.ts';

const facts = (name: string, issuer: string, more: Partial<SourceFacts> = {}): SourceFacts => ({
  ...{ name, kind: 'github', issuer, otherIssuers: [], audience: 'https://sts.example', otherAudiences: false },
  ...{ maxAgeSeconds: undefined, table: GITHUB, require: [] },
  ...more,
});
const ACTIONS = 'https://token.actions.githubusercontent.com';
const GITHUB_FACTS = facts('github', ACTIONS);
const EKS = facts('eks', 'https://oidc.eks.eu-west-1.amazonaws.com/id/8EBD0123456789ABCDEF0123456789AB', {
  ...{ kind: 'kubernetes', table: KUBERNETES, otherIssuers: ['https://old.example'] },
});
const MESH = facts('mesh', 'spiffe://prod.example', { kind: 'spiffe', table: SPIFFE });
const SOURCES = [GITHUB_FACTS, EKS, MESH];

const cause = (
  refusal: Partial<CredentialRefusal> & Pick<CredentialRefusal, 'reason'>,
  claims: JsonObject,
  more: { source?: SourceFacts | undefined; header?: JsonObject } = { source: GITHUB_FACTS },
) =>
  credentialCause({
    refusal: { role: 'subject', ...refusal } as CredentialRefusal,
    claims,
    header: more.header,
    source: more.source,
    sources: SOURCES,
    nowSeconds: NOW,
  });

describe('times', () => {
  it.each([
    [{ reason: 'expired' }, { exp: NOW - 3_720 }, 'exp', '2026-09-21T13:11:20Z, 62 minutes ago', 'later'],
    [
      { reason: 'expired' },
      { exp: NOW + 9, 'kubernetes.io': { warnafter: NOW - 90 } },
      'kubernetes.io/warnafter',
      '2026-09-21T14:11:50Z, 90 seconds ago',
      'later',
    ],
    [{ reason: 'not_yet_valid' }, { nbf: NOW + 7_200, iat: NOW }, 'nbf', '2026-09-21T16:13:20Z, in 2 hours', 'earlier'],
    [{ reason: 'not_yet_valid' }, { nbf: NOW, iat: NOW + 60 }, 'iat', '2026-09-21T14:14:20Z, in 1 minute', 'earlier'],
    [
      { reason: 'lifetime_too_long', secondsMax: 900 },
      { iat: NOW, exp: NOW + 86_400 },
      'exp - iat',
      '1 day',
      'at most 15 minutes',
    ],
    [
      { reason: 'lifetime_too_long', secondsMax: 900 },
      { exp: NOW + 901 },
      'exp - iat',
      '15 minutes',
      'at most 15 minutes',
    ],
    [
      { reason: 'too_old', secondsMax: 600 },
      { iat: NOW - 1_200 },
      'iat',
      '2026-09-21T13:53:20Z, 20 minutes ago',
      'at most 10 minutes ago',
    ],
  ] as const)('%j of %j', (refusal, claims, what, presented, expected) => {
    expect(cause(refusal, claims)).toMatchObject({ by: 'github', what, presented, expected });
  });

  it('are in the largest unit of which there are two, and never negative', () => {
    expect([0, 1, 59, 60, 61, 119, 120, 3_600, 7_199, 7_200, 172_800, -5].map(spanText)).toEqual([
      ...['0 seconds', '1 second', '59 seconds', '1 minute', '61 seconds', '119 seconds', '2 minutes', '1 hour'],
      ...['119 minutes', '2 hours', '2 days', '0 seconds'],
    ]);
    expect(instant(1e300, NOW)).toBe('1e+300');
  });
});

describe('an issuer that nobody has configured', () => {
  it.each([
    [`${ACTIONS}/`, 'github', 'slash at the end'],
    [`http${ACTIONS.slice(5)}`, 'github', 'http is not https'],
    [`${ACTIONS}/octo-ent`, 'github', 'of the enterprise "octo-ent": the source names none'],
    [EKS.issuer.replace('8EBD', '1111'), 'eks', 'another cluster, at the same host'],
    [EKS.issuer.replace('eu-west-1', 'us-east-2').replace('8EBD', '1111'), 'eks', 'host and id differ'],
    ['https://OLD.example', 'eks', 'letter case'],
    [`${EKS.issuer.slice(0, -36)}/other`, 'eks', 'the same host, another path'],
  ])('%s is nearest to %s', (iss, name, hint) => {
    const near = nearestIssuer(iss, SOURCES);
    expect([near?.source.name, near?.hint]).toEqual([name, expect.stringContaining(hint)]);
    expect(cause({ reason: 'issuer_unknown' }, { iss }, {})).toMatchObject({ by: `nearest ${name}`, what: 'iss' });
  });

  it("of an enterprise, where the source has another enterprise's slug, or the token none", () => {
    const slugged = [facts('ent', `${ACTIONS}/acme`)];
    expect(nearestIssuer(`${ACTIONS}/octo-ent`, slugged)?.hint).toContain('the source is for acme');
    expect(nearestIssuer(ACTIONS, slugged)?.hint).toContain('the source is for the enterprise acme');
  });

  it('that is near to none lists what there is', () => {
    const { by, expected, hint } = cause({ reason: 'issuer_unknown' }, { iss: 'https://nobody.example' }, {});
    expect([by, hint]).toEqual([undefined, 'no trust source is near: is the token for another broker?']);
    expect(expected).toBe(`"${ACTIONS}" or "${EKS.issuer}"`);
  });

  it('by trust domain where the sub is a SPIFFE ID, whatever its iss', () => {
    const claims = { iss: ACTIONS, sub: 'spiffe://Prod.example/a' };
    expect(cause({ reason: 'issuer_unknown' }, claims, {})).toMatchObject({
      ...{ what: 'trust domain', presented: '"Prod.example"', expected: '"prod.example"' },
      hint: 'they differ in letter case only',
    });
  });

  it('of a source that was named is compared with that source alone', () => {
    const named = cause({ reason: 'issuer_unknown' }, { iss: `${ACTIONS}/` }, { source: EKS });
    expect(named).toMatchObject({ expected: `"${EKS.issuer}"`, presented: `"${ACTIONS}/"` });
  });
});

describe('claims and headers', () => {
  it.each([
    [
      { reason: 'audience_mismatch' },
      { aud: ['https://sts.example', 'b'] },
      'aud',
      '["https://sts.example","b"]',
      '"https://sts.example" alone',
    ],
    [{ reason: 'claim_missing', claim: 'repository_id' }, {}, 'repository_id', undefined, 'text'],
    [{ reason: 'claim_invalid', claim: 'repository_id' }, { repository_id: 74 }, 'repository_id', '74', 'text'],
    [{ reason: 'claim_unsupported', claim: 'act' }, { act: {} }, 'act', '{}', 'absent'],
    [
      { reason: 'subject_reserved' },
      { sub: 'spiffe://x' },
      'sub',
      '"spiffe://x"',
      'no SPIFFE ID: the source is of another kind',
    ],
    [{ reason: 'requirement_unmet', claim: 'x' }, {}, 'x', undefined, 'what the source requires'],
    [{ reason: 'replayed', spentBy: 'A' }, {}, 'the credential', undefined, 'one that the source takes'],
  ] as const)('%j of %j', (refusal, claims, what, presented, expected) => {
    expect(cause(refusal, claims)).toMatchObject({ reason: refusal.reason, what, presented, expected });
  });

  it.each([
    [{ reason: 'typ_refused' }, { typ: 'at+jwt' }, 'header typ', '"at+jwt"', '"JWT" or none'],
    [{ reason: 'algorithm_refused' }, { alg: 'HS256' }, 'header alg', '"HS256"', '"RS256"'],
    [{ reason: 'header_refused', member: 'jku' }, { jku: 'x' }, 'header jku', '"x"', 'absent'],
    [
      { reason: 'key_unknown', lacking: { file: 'f', held: ['a'], alg: 'RS256' } },
      { kid: 'b' },
      'header kid',
      '"b"',
      '"a"',
    ],
    [{ reason: 'key_unknown' }, {}, 'header kid', undefined, "one of the source's keys"],
  ] as const)('%j of the header %j', (refusal, header, what, presented, expected) => {
    expect(cause(refusal, {}, { source: GITHUB_FACTS, header })).toMatchObject({ what, presented, expected });
  });

  it('a pod that a cluster token is not bound to is told how to get one that is', () => {
    expect(cause({ reason: 'claim_missing', claim: 'pod' }, {}, { source: EKS }).hint).toContain(
      'projected into the pod',
    );
  });
});
