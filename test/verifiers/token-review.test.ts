// The API server's word on a token, rows KB-06 and KB-07, fault F-18: a real server over TLS, asked by the real verifier.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { mintServerCertificate } from '../../src/adapters/cli/demo/certificates.ts';
import { kubernetesProjected } from '../../src/adapters/cli/demo/platforms.ts';
import {
  TOKEN_REVIEW_MS,
  TOKEN_REVIEWS_AT_ONCE_MAX,
  TOKEN_REVIEWS_PER_SECOND_MAX,
} from '../../src/core/limits-outside.ts';
import { createOutbound } from '../../src/outbound/fetch.ts';
import type { SourceVerifier } from '../../src/verifiers/kind.ts';
import { kubernetes } from '../../src/verifiers/kubernetes.ts';
import { createVerifiers } from '../../src/verifiers/registry.ts';
import { createForge, type Json } from '../support/forge.ts';
import { AUDIENCE, CLUSTER, NOW, partsOf, settingsOf } from '../support/sources.ts';
import { type ApiServer, openApiServer, type Status } from '../support/token-review-server.ts';

const CLUSTER_KEY = createForge('RS256', 'cluster');
const STRANGER = createForge('RS256', 'cluster');
const POD = 'api-5d9c7b6f4-abcde';
const BEARER = 'broker.own.token';

let api: ApiServer;
let folder: string;
let otherCa: string;
let elapsed: { ms: number };
const outbound = createOutbound({ permitLoopback: true });
const token = (more: Json = {}, forge = CLUSTER_KEY): string =>
  forge.token({ ...kubernetesProjected(CLUSTER, AUDIENCE, NOW), ...more });

beforeAll(async () => {
  otherCa = (await mintServerCertificate(['localhost'])).ca;
  folder = mkdtempSync(join(tmpdir(), 'exchequer-review-'));
  writeFileSync(join(folder, 'broker.token'), `${BEARER}\n`);
});
afterAll(() => {
  outbound.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  elapsed = { ms: 0 };
  api = await openApiServer({ cluster: CLUSTER_KEY, issuers: [CLUSTER], now: () => NOW, bearer: BEARER });
});
afterEach(() => api[Symbol.asyncDispose]());

/** `jwks: none` leaves all proving to the API server. */
async function verifierOf(more: { jwks?: 'none'; tokenFile?: string; ca?: string } = {}): Promise<SourceVerifier> {
  const { tokenFile = join(folder, 'broker.token'), ca = 'api.crt', ...options } = more;
  const cluster = {
    alg: 'RS256',
    kid: 'cluster',
    jwk: CLUSTER_KEY.jwk,
    sign: () => Promise.reject(new Error('unused')),
  };
  return kubernetes.create(
    settingsOf('east'),
    {
      issuer: CLUSTER,
      otherIssuers: [],
      privateNetwork: false,
      tokenReview: { url: api.base, ca, tokenFile },
      ...options,
    },
    {
      ...(await partsOf(cluster)),
      outbound,
      clock: { nowSeconds: () => NOW, elapsedMs: () => elapsed.ms },
      files: new Map([
        ['api.crt', api.ca],
        ['other.crt', otherCa],
      ]),
    },
  );
}

const present = async (verifier: SourceVerifier, text: string) =>
  createVerifiers([verifier], AUDIENCE).verify(
    { text, tokenType: 'urn:ietf:params:oauth:token-type:jwt' },
    'subject',
    NOW,
  );

/** `proved`, or the whole reason. */
async function verdict(text: string, verifier?: SourceVerifier): Promise<string> {
  const result = await present(verifier ?? (await verifierOf()), text);
  if (result.ok) return 'proved';
  const { refusal } = result;
  return 'problem' in refusal ? `${refusal.reason}: ${refusal.problem}` : refusal.reason;
}

describe('a token review', () => {
  it('KB-06 asks the real API for our audience, as ourselves, and proves', async () => {
    const text = token();
    expect(await verdict(text)).toBe('proved');
    expect(api.reviews).toEqual([
      { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token: text, audiences: [AUDIENCE] } },
    ]);
    expect(api.seen[0]?.headers).toMatchObject({
      authorization: `Bearer ${BEARER}`,
      'content-type': 'application/json',
    });
  });

  it.each<['with keys' | 'instead of keys', { jwks?: 'none' }]>([
    ['with keys', {}],
    ['instead of keys', { jwks: 'none' }],
  ])('KB-06, A-64 %s notices that the pod or the service account is gone, at once', async (_title, options) => {
    const verifier = await verifierOf(options);
    const text = token();
    expect(await verdict(text, verifier)).toBe('proved');
    api.deleted.add(POD);
    expect(await verdict(text, verifier)).toBe('review_refused: not_authenticated');
    api.deleted.delete(POD);
    expect(await verdict(text, verifier)).toBe('proved');
    api.deleted.add('api');
    expect(await verdict(text, verifier)).toBe('review_refused: not_authenticated');
    expect(api.reviews).toHaveLength(4);
  });

  it('KB-06 instead of keys lets the API server find a wrong signature', async () => {
    expect(await verdict(token({}, STRANGER), await verifierOf({ jwks: 'none' }))).toBe(
      'review_refused: not_authenticated',
    );
    expect(api.reviews).toHaveLength(1);
  });

  it.each<[string, Json, string]>([
    ['another audience', { aud: ['https://kubernetes.default.svc'] }, 'audience_mismatch'],
    ['an end in the past', { exp: NOW - 60 }, 'expired'],
    ['another issuer', { iss: 'https://other.example' }, 'issuer_unknown'],
    [
      'the flat claims of a legacy secret',
      { 'kubernetes.io': undefined, exp: undefined, aud: undefined },
      'claim_missing',
    ],
    ['a sub that disagrees', { sub: 'system:serviceaccount:payments:admin' }, 'claim_invalid'],
  ])('KB-04, KB-06 does not ask about a token with %s', async (_title, more, reason) => {
    for (const jwks of [{}, { jwks: 'none' as const }])
      expect(await verdict(token(more), await verifierOf(jwks))).toBe(reason);
    expect(api.reviews).toEqual([]);
  });

  it('KB-06 does not ask about a token whose signature is wrong, where there are keys', async () => {
    expect(await verdict(token({}, STRANGER))).toBe('signature_invalid');
    expect(api.reviews).toEqual([]);
  });

  const user = (more: Partial<Status['user']>) => (status: Status) => ({
    ...status,
    user: { ...status.user, ...more },
  });
  const extra = (more: Json) => (status: Status) => user({ extra: { ...status.user.extra, ...more } })(status);
  it.each<[string, (status: Status) => unknown, string]>([
    ['authenticated without audiences', (s) => ({ ...s, audiences: undefined }), 'audience'],
    ['authenticated for no audience', (s) => ({ ...s, audiences: [] }), 'audience'],
    ['authenticated for another audience', (s) => ({ ...s, audiences: ['https://sts.example.evil'] }), 'audience'],
    ['authenticated for a text', (s) => ({ ...s, audiences: AUDIENCE }), 'audience'],
    ['not authenticated', (s) => ({ ...s, authenticated: false }), 'not_authenticated'],
    ['authenticated as a text', (s) => ({ ...s, authenticated: 'true' }), 'not_authenticated'],
    ['silent on authentication', ({ authenticated: _, ...s }) => s, 'not_authenticated'],
    ['another user', user({ username: 'system:serviceaccount:payments:admin' }), 'user'],
    ['a user of another case', user({ username: 'system:serviceaccount:payments:API' }), 'user'],
    ['no user', (s) => ({ ...s, user: undefined }), 'user'],
    ['a service account that was made again', user({ uid: '00000000-0000-4000-8000-000000000000' }), 'user'],
    ['no uid', user({ uid: undefined as never }), 'user'],
    ['another pod', extra({ 'authentication.kubernetes.io/pod-name': ['other'] }), 'user'],
    ['another pod of that name', extra({ 'authentication.kubernetes.io/pod-uid': ['other'] }), 'user'],
    ['another node', extra({ 'authentication.kubernetes.io/node-name': ['other'] }), 'user'],
    ['another credential', extra({ 'authentication.kubernetes.io/credential-id': ['JTI=other'] }), 'user'],
    ['attributes that are a list', user({ extra: [] as never }), 'user'],
  ])('KB-06, KB-07, A-42 that says: %s, proves nothing', async (_title, twist, problem) => {
    for (const jwks of [{}, { jwks: 'none' as const }]) {
      const verifier = await verifierOf(jwks);
      expect(await verdict(token(), verifier)).toBe('proved');
      api.twist = twist;
      expect(await verdict(token(), verifier)).toBe(`review_refused: ${problem}`);
      api.twist = (status) => status;
    }
  });

  it('KB-06 may name more audiences than ours', async () => {
    api.twist = (status) => ({ ...status, audiences: ['https://other.example', AUDIENCE] });
    expect(await verdict(token())).toBe('proved');
  });
});

describe('an API server that cannot be asked', () => {
  it.each<[string, () => void, string]>([
    ['does not know us', () => (api.bearer = 'another'), 'status (401)'],
    ['forbids us', () => (api.failing = 403), 'status (403)'],
    ['fails', () => (api.failing = 500), 'status (500)'],
    ['sheds load', () => (api.failing = 429), 'status (429)'],
    ['answers with a page', () => (api.failing = '<!doctype html>'), 'the answer is no acceptable JSON object'],
    ['answers with another kind', () => (api.failing = '{"kind":"Status"}'), 'the answer is no TokenReview'],
    [
      'says a member twice',
      () => (api.failing = '{"status":{"authenticated":false,"authenticated":true}}'),
      'the answer is no acceptable JSON object',
    ],
    ['says nothing of a status', () => (api.twist = () => undefined), 'the answer is no TokenReview'],
    ['answers without end', () => (api.failing = ' '.repeat(200_000)), 'too_large (more than 131072 bytes)'],
  ])('F-18 because it %s is not taken for a no, nor for a yes', async (_title, breaks, problem) => {
    const verifier = await verifierOf();
    expect(await verdict(token(), verifier)).toBe('proved');
    breaks();
    expect(await verdict(token(), verifier)).toBe(`review_unavailable: ${problem}`);
  });

  it('F-18 because it speaks another version, or of something else, is not taken for a no, nor for a yes', async () => {
    const verifier = await verifierOf();
    const uid = 'f5720c1d-e152-4356-a897-11b07aff165d';
    const user = { username: 'system:serviceaccount:payments:api', uid };
    const answer = (more: Json) =>
      JSON.stringify({
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        status: { authenticated: true, audiences: [AUDIENCE], user },
        ...more,
      });
    api.failing = answer({});
    expect(await verdict(token(), verifier)).toBe('proved');
    for (const more of [
      { kind: 'SelfSubjectReview' },
      { apiVersion: 'authentication.k8s.io/v1beta1' },
      { status: [] },
    ]) {
      api.failing = answer(more);
      expect(await verdict(token(), verifier)).toBe('review_unavailable: the answer is no TokenReview');
    }
  });

  it('F-18 because it is silent costs a second', async () => {
    const verifier = await verifierOf();
    api.failing = 'silent';
    const started = performance.now();
    expect(await verdict(token(), verifier)).toBe(
      `review_unavailable: timeout (no answer within ${TOKEN_REVIEW_MS} ms)`,
    );
    expect(performance.now() - started).toBeLessThan(2 * TOKEN_REVIEW_MS);
    api.failing = undefined;
    expect(await verdict(token(), verifier)).toBe('proved');
  });

  it('F-18 because it is down, or is another than its certificate says', async () => {
    const verifier = await verifierOf();
    await api[Symbol.asyncDispose]();
    expect(await verdict(token(), verifier)).toBe('review_unavailable: network (ECONNREFUSED)');
    api = await openApiServer({ cluster: CLUSTER_KEY, issuers: [CLUSTER], now: () => NOW });
    expect(await verdict(token(), await verifierOf())).toBe('proved');
    const strange = await verifierOf({ ca: 'other.crt' });
    expect(await verdict(token(), strange)).toMatch(/^review_unavailable: tls /);
    expect(api.reviews).toHaveLength(1);
  });

  it('KB-08 is sent the token that the file holds at the time, and nobody when there is none', async () => {
    const tokenFile = join(folder, 'renewed.token');
    writeFileSync(tokenFile, 'first');
    api.bearer = 'first';
    const verifier = await verifierOf({ tokenFile });
    expect(await verdict(token(), verifier)).toBe('proved');
    writeFileSync(tokenFile, 'second\n');
    api.bearer = 'second';
    expect(await verdict(token(), verifier)).toBe('proved');
    rmSync(tokenFile);
    expect(await verdict(token(), verifier)).toBe('review_unavailable: the token file: ENOENT');
    writeFileSync(tokenFile, 'second\r\nx-remote-user: admin');
    expect(await verdict(token(), verifier)).toBe('review_unavailable: the token file: it holds no bearer token');
    expect(api.seen).toHaveLength(2);
    writeFileSync(tokenFile, 'second');
    expect(await verdict(token(), verifier)).toBe('proved');
  });

  it('F-18 is asked so many questions at once, and the next one is answered at once', async () => {
    const verifier = await verifierOf();
    api.failing = 'silent';
    const waiting = Array.from({ length: TOKEN_REVIEWS_AT_ONCE_MAX }, () => verdict(token(), verifier));
    await expect.poll(() => api.answering()).toBe(TOKEN_REVIEWS_AT_ONCE_MAX);
    expect(await verdict(token(), verifier)).toBe('review_unavailable: more reviews than may be asked for');
    expect(new Set(await Promise.all(waiting))).toEqual(
      new Set([`review_unavailable: timeout (no answer within ${TOKEN_REVIEW_MS} ms)`]),
    );
    api.failing = undefined;
    expect(await verdict(token(), verifier)).toBe('proved');
  });

  it('F-18 is asked so many questions in a second, counted on the clock that only grows', async () => {
    const verifier = await verifierOf({ jwks: 'none' });
    for (let asked = 0; asked < TOKEN_REVIEWS_PER_SECOND_MAX; asked += 1)
      expect(await verdict(token({}, STRANGER), verifier)).toBe('review_refused: not_authenticated');
    expect(await verdict(token(), verifier)).toBe('review_unavailable: more reviews than may be asked for');
    expect(api.reviews).toHaveLength(TOKEN_REVIEWS_PER_SECOND_MAX);
    elapsed.ms += 1_000 / TOKEN_REVIEWS_PER_SECOND_MAX;
    expect(await verdict(token(), verifier)).toBe('proved');
    // A bound of one source is none of another.
    expect(await verdict(token(), await verifierOf())).toBe('proved');
  });
});
