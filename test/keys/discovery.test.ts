// Where an issuer's keys are found: attacks, row KB-09, and issuers whose keys stand elsewhere.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { OutboundAnswer, OutboundRequest } from '../../src/core/ports.ts';
import { fetchKeySet, type KeysOrigin } from '../../src/keys/discovery.ts';

const ISSUER = 'https://login.example/tenant';
const DOCUMENT_URL = 'https://login.example/tenant/.well-known/openid-configuration';
const SET = '{"keys":[]}';

/** Fetches with a document that answers to every discovery request, and a key set that answers to everything else. */
async function fetchWith(
  document: unknown,
  origin: KeysOrigin = { discovery: ISSUER, issuer: ISSUER },
  more: { readonly tokenFile?: string } = {},
) {
  const requests: OutboundRequest[] = [];
  const text = typeof document === 'string' ? document : JSON.stringify(document);
  const fetched = await fetchKeySet({
    origin,
    ca: 'PEM',
    privateNetwork: true,
    ...more,
    outbound: {
      async request(request): Promise<OutboundAnswer> {
        requests.push(request);
        return { ok: true, body: Buffer.from(request.url.includes('openid-configuration') ? text : SET) };
      },
    },
  });
  return { fetched, requests, urls: requests.map(({ url }) => url) };
}

const problem = (text: string) => ({ ok: false, problem: `discovery document: ${text}` });
const elsewhere = problem(
  'jwks_uri is on another origin; configure the URL of the key set, as it is reached from here, instead: `jwks: { url: ... }`',
);

describe('discovery', () => {
  it('leads to the key set, with the network that the operator gave', async () => {
    const { fetched, requests } = await fetchWith({ issuer: ISSUER, jwks_uri: 'https://login.example/keys' });
    expect(fetched).toEqual({ ok: true, value: SET });
    expect(requests).toEqual([
      { url: DOCUMENT_URL, bytesMax: 65_536, accept: 'application/json', ca: 'PEM', privateNetwork: true },
      {
        url: 'https://login.example/keys',
        bytesMax: 524_288,
        accept: 'application/jwk-set+json, application/json',
        ca: 'PEM',
        privateNetwork: true,
      },
    ]);
  });

  it.each([
    'https://login.example/tenant/',
    'https://login.example/Tenant',
    'https://login.example',
    'https://login.example/tenant/../tenant',
    'https://evil.example',
    '',
    null,
    undefined,
    [ISSUER],
  ])('refuses the document of another issuer: %j (A-37, A-119)', async (issuer) => {
    const { fetched, urls } = await fetchWith({ issuer, jwks_uri: 'https://login.example/keys' });
    expect(fetched).toEqual(problem('issuer is not the configured one'));
    expect(urls).toEqual([DOCUMENT_URL]);
  });

  it('keeps the slash at the end of an issuer, and doubles none in the URL', async () => {
    const issuer = 'https://login.example/tenant/';
    const { fetched, urls } = await fetchWith(
      { issuer, jwks_uri: 'https://login.example/keys' },
      { discovery: issuer, issuer },
    );
    expect(fetched).toMatchObject({ ok: true });
    expect(urls[0]).toBe(DOCUMENT_URL);
  });

  it('takes an issuer that is not where its document is (KB-09)', async () => {
    const issuer = 'https://kubernetes.default.svc.cluster.local';
    const origin = { discovery: 'https://oidc.cluster.example:6443', issuer };
    const own = await fetchWith({ issuer, jwks_uri: 'https://oidc.cluster.example:6443/openid/v1/jwks' }, origin);
    expect(own.fetched).toMatchObject({ ok: true });
    const named = await fetchWith({ issuer, jwks_uri: `${issuer}/openid/v1/jwks` }, origin);
    expect(named.fetched).toMatchObject({ ok: true });
    const third = await fetchWith({ issuer, jwks_uri: 'https://10.0.0.1:6443/openid/v1/jwks' }, origin);
    expect(third.fetched).toEqual(elsewhere);
  });

  it.each([
    ['https://evil.example/keys', elsewhere],
    ['https://login.example:8443/keys', elsewhere],
    ['https://login.example.evil.example/keys', elsewhere],
    ['https://login.example@evil.example/keys', elsewhere],
    ['https://169.254.169.254/latest/meta-data/', elsewhere],
    ['https://www.googleapis.com/oauth2/v3/certs', elsewhere],
    ['http://login.example/keys', problem('jwks_uri is not an https URL')],
    ['file:///etc/passwd', problem('jwks_uri is not an https URL')],
    ['data:application/json,{"keys":[]}', problem('jwks_uri is not an https URL')],
    ['/keys', problem('jwks_uri is not an https URL')],
    [7, problem('no jwks_uri')],
    [undefined, problem('no jwks_uri')],
  ])('does not follow the jwks_uri %j (A-37, A-38)', async (jwksUri, refused) => {
    const { fetched, urls } = await fetchWith({ issuer: ISSUER, jwks_uri: jwksUri });
    expect(fetched).toEqual(refused);
    expect(urls).toEqual([DOCUMENT_URL]);
  });

  it.each([
    ['https://accounts.google.com', 'https://www.googleapis.com/oauth2/v3/certs'],
    ['https://securetoken.google.com/project', 'https://www.googleapis.com/service_accounts/v1/jwk/securetoken'],
    ['https://sts.windows.net/tid/', 'https://login.microsoftonline.com/common/discovery/keys'],
  ])('of %s leads to the second host that is known of it, as a public one', async (issuer, jwksUri) => {
    const { fetched, requests } = await fetchWith({ issuer, jwks_uri: jwksUri }, { discovery: issuer, issuer });
    expect(fetched).toMatchObject({ ok: true });
    expect(requests[1]).toEqual({
      url: jwksUri,
      bytesMax: 524_288,
      accept: 'application/jwk-set+json, application/json',
    });
  });

  it.each([
    ['<html>', problem('not acceptable JSON (syntax)')],
    ['[]', problem('not a JSON object')],
    [`{"issuer":"x","issuer":"${ISSUER}"}`, problem('not acceptable JSON (duplicate_member)')],
  ])('refuses %j for a document (A-188)', async (text, refused) => {
    expect((await fetchWith(text)).fetched).toEqual(refused);
  });

  it('is not needed where the operator wrote the URL of the key set', async () => {
    const { fetched, urls } = await fetchWith('', { url: 'https://keys.example/jwks' });
    expect(fetched).toEqual({ ok: true, value: SET });
    expect(urls).toEqual(['https://keys.example/jwks']);
  });

  it('passes on why the outbound client refused, and nothing else', async () => {
    const answer: OutboundAnswer = { ok: false, problem: 'status', detail: '404' };
    const fetched = await fetchKeySet({
      origin: { discovery: ISSUER, issuer: ISSUER },
      outbound: { request: () => Promise.resolve(answer) },
    });
    expect(fetched).toEqual(problem('status (404)'));
  });
});

describe('a bearer token', () => {
  const folder = mkdtempSync(join(tmpdir(), 'exchequer-discovery-'));
  const tokenFile = join(folder, 'token');
  const base = 'https://api.example:6443';
  const bearers = async (origin: KeysOrigin, jwksUri: string) => {
    const { requests } = await fetchWith({ issuer: ISSUER, jwks_uri: jwksUri }, origin, { tokenFile });
    return requests.map(({ url, bearer }) => [url, bearer]);
  };
  beforeEach(() => writeFileSync(tokenFile, ' a.b.c\n'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('KB-08 goes to the origin that the operator wrote, and not along to where the document leads', async () => {
    const document = `${base}/.well-known/openid-configuration`;
    const origin = { discovery: base, issuer: ISSUER };
    expect(await bearers(origin, `${base}/openid/v1/jwks`)).toEqual([
      [document, 'a.b.c'],
      [`${base}/openid/v1/jwks`, 'a.b.c'],
    ]);
    // The issuer's own origin may serve the keys, but the token is for the API server.
    expect(await bearers(origin, 'https://login.example/keys')).toEqual([
      [document, 'a.b.c'],
      ['https://login.example/keys', undefined],
    ]);
    const google = { discovery: 'https://accounts.google.com', issuer: ISSUER };
    expect((await bearers(google, 'https://www.googleapis.com/oauth2/v3/certs'))[1]).toEqual([
      'https://www.googleapis.com/oauth2/v3/certs',
      undefined,
    ]);
    expect(await bearers({ url: `${base}/openid/v1/jwks` }, '')).toEqual([[`${base}/openid/v1/jwks`, 'a.b.c']]);
  });

  it.each<[string, string | undefined, string]>([
    ['is gone', undefined, 'ENOENT'],
    ['is empty', '', 'it holds no bearer token'],
    ['would write a header', 'a.b.c\r\nhost: evil.example', 'it holds no bearer token'],
    ['is no ASCII', 'a.b.\u00fc', 'it holds no bearer token'],
    ['is longer than any', 'a'.repeat(65_537), 'it is no file of at most 65536 bytes'],
  ])('KB-08 whose file %s is a problem of its origin, and nothing is sent', async (_title, text, problem) => {
    if (text === undefined) rmSync(tokenFile);
    else writeFileSync(tokenFile, text);
    const { fetched, requests } = await fetchWith({}, { url: base }, { tokenFile });
    expect(fetched).toEqual({ ok: false, problem: `key set: the token file: ${problem}` });
    expect(requests).toEqual([]);
    writeFileSync(tokenFile, 'a'.repeat(65_536));
    expect((await fetchWith({}, { url: base }, { tokenFile })).fetched).toEqual({ ok: true, value: SET });
  });
});
