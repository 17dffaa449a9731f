import { beforeAll, describe, expect, it } from 'vitest';
import type { Claims } from '../../src/adapters/cli/demo/platforms.ts';
import { AUDIENCE, NOW, SOURCES, type SourceUnderTest, verdict } from '../support/sources.ts';

describe('kubernetes tokens', () => {
  let source: SourceUnderTest;
  beforeAll(async () => {
    source = (await SOURCES.kubernetes?.()) as SourceUnderTest;
  });
  const present = async (claims: Claims) => verdict(source, await source.key.sign(claims, { typ: undefined }));
  const kube = (change: Claims): Claims => ({
    ...source.claims(),
    'kubernetes.io': { ...(source.claims()['kubernetes.io'] as Claims), ...change },
  });

  it('KB-01 proves a projected token, with aud as an array and without typ, under its whole sub', async () => {
    const text = await source.key.sign(source.claims(), { typ: undefined });
    const result = await source.verifiers.verify({ text, tokenType: source.tokenType }, 'subject', NOW);
    expect(result.ok && result.value.name).toBe('cluster:system:serviceaccount:payments:api');
  });

  it('KB-01, A-66 refuses a sub that disagrees with the namespace or the service account', async () => {
    expect(await present(kube({ namespace: 'other' }))).toBe('claim_invalid');
    expect(await present(kube({ serviceaccount: { name: 'other', uid: 'u' } }))).toBe('claim_invalid');
  });

  it.each([
    'system:serviceaccount:payments:api:extra',
    'system:serviceaccount::api',
    'system:serviceaccount:payments',
    'api',
  ])('A-65 refuses the sub %s', async (sub) =>
    expect(await present({ ...source.claims(), sub })).toBe('claim_invalid'),
  );

  it('KB-02 refuses a token for the API server, alone or beside us', async () => {
    expect(await present({ ...source.claims(), aud: ['https://kubernetes.default.svc'] })).toBe('audience_mismatch');
    expect(await present({ ...source.claims(), aud: [AUDIENCE, 'https://kubernetes.default.svc'] })).toBe(
      'audience_mismatch',
    );
  });

  it('KB-03 ends an extended token at warnafter, also in what is made from it', async () => {
    const year = 31_536_000;
    expect(await present({ ...source.claims(), exp: NOW + year })).toBe('lifetime_too_long');
    const text = await source.key.sign(kube({ warnafter: NOW + 60 }));
    const result = await source.verifiers.verify({ text, tokenType: source.tokenType }, 'subject', NOW);
    expect(result.ok && result.value.proof.expiresAt).toBe(NOW + 60);
    expect(await present(kube({ warnafter: NOW - 30 }))).toBe('expired');
    expect(await present(kube({ warnafter: 'soon' }))).toBe('claim_invalid');
  });

  it('KB-04, A-64 refuses a legacy secret token, whoever signed it', async () => {
    const legacy = {
      iss: 'kubernetes/serviceaccount',
      'kubernetes.io/serviceaccount/namespace': 'payments',
      'kubernetes.io/serviceaccount/service-account.name': 'api',
      sub: 'system:serviceaccount:payments:api',
    };
    expect(await present(legacy)).toBe('issuer_unknown');
    expect(await present({ ...legacy, iss: source.claims().iss })).toBe('claim_missing');
  });

  it('KB-05 requires a bound object and the service account uid', async () => {
    expect(await present(kube({ pod: undefined, node: undefined }))).toBe('claim_missing');
    expect(await present(kube({ serviceaccount: { name: 'api' } }))).toBe('claim_missing');
    expect(await present(kube({ pod: undefined }))).toBe('proved'); // KB-12: bound to its node
  });
});
