// openapi/exchequer.yaml is the contract of the public listener: its paths, methods, statuses, errors and limits are those of
// the code, and what the listener answers has the shapes that it names.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { assumptionCode, identityCode } from '../../../src/adapters/http/aws-errors.ts';
import { metadataDocument, pathsOf } from '../../../src/adapters/http/metadata.ts';
import { renderIntrospection } from '../../../src/adapters/http/own-token.ts';
import { renderOutcome, wireRefusal } from '../../../src/adapters/http/wire.ts';
import {
  BODY_BYTES_MAX,
  CREDENTIAL_BYTES_MAX,
  FORM_PARAMETERS_MAX,
  METADATA_AGE_SECONDS,
  PARAMETER_BYTES_MAX,
  SENTENCE_CHARACTERS_MAX,
} from '../../../src/core/limits.ts';
import { GRANT_TYPES } from '../../../src/core/request.ts';
import { ALL_REFUSALS } from '../../support/every-refusal.ts';
import {
  DECISION,
  form,
  granted,
  type Harness,
  ISSUER,
  introspected,
  JWKS,
  refused,
  send,
  startListener,
  wouldGrant,
} from './harness.ts';

const shape = z.looseObject({
  type: z.string().optional(),
  enum: z.array(z.string()).optional(),
  required: z.array(z.string()).optional(),
  additionalProperties: z.boolean().optional(),
  properties: z
    .record(
      z.string(),
      z.looseObject({
        enum: z.array(z.string()).optional(),
        const: z.unknown().optional(),
        pattern: z.string().optional(),
        maxLength: z.number().optional(),
      }),
    )
    .optional(),
});
const contract = z
  .looseObject({
    paths: z.record(z.string(), z.record(z.string(), z.looseObject({ responses: z.record(z.string(), z.unknown()) }))),
    components: z.looseObject({ schemas: z.record(z.string(), shape) }),
  })
  .parse(parse(readFileSync(new URL('../../../openapi/exchequer.yaml', import.meta.url), 'utf8')));

/** Compares an answer's body with the members, and their enumerations, that a schema names. */
function conforms(name: string, text: string): void {
  const { required = [], properties = {}, additionalProperties } = contract.components.schemas[name] ?? {};
  const body = z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  expect(Object.keys(body)).toEqual(expect.arrayContaining(required));
  if (additionalProperties === false) for (const member of Object.keys(body)) expect(properties).toHaveProperty(member);
  for (const [member, { enum: values, pattern }] of Object.entries(properties)) {
    if (values && member in body) expect(values).toContain(body[member]);
    if (pattern) expect(body[member]).toMatch(new RegExp(pattern, 'u'));
  }
}

const statusesOf = (path: string, method: string): readonly number[] =>
  Object.keys(contract.paths[path]?.[method]?.responses ?? {})
    .map(Number)
    .toSorted();

/** A request that is understood. */
function requestTo(path: string): { path: string; body: string; headers?: Record<string, string> } {
  const at = path.replace('{target}', 'payments-aws');
  if (path.startsWith('/aws/credentials')) return { path: at, body: '', headers: { authorization: 'a.b.c' } };
  const assume = {
    Action: 'AssumeRoleWithWebIdentity',
    Version: '2011-06-15',
    RoleArn: 'r',
    WebIdentityToken: 'a.b.c',
  };
  return { path: at, body: path.startsWith('/aws/') ? new URLSearchParams(assume).toString() : form({ token: 'a' }) };
}

let harness: Harness;
beforeAll(async () => {
  harness = await startListener();
});
afterAll(() => harness.listener.close(0));

describe('openapi/exchequer.yaml', () => {
  it('has the paths that are served, and no others', async () => {
    const { token, decide, introspect, revoke, jwks, authorize, metadata, ...clouds } = pathsOf(ISSUER);
    const { awsSts, awsCredentials, gcpToken, gcpIntrospect } = clouds;
    const ofTargets = [awsSts, awsCredentials, gcpToken].map((path) => `${path}/{target}`);
    const facades = [awsSts, gcpToken, gcpIntrospect, ...ofTargets];
    expect(Object.keys(contract.paths).toSorted()).toEqual(
      [token, decide, introspect, revoke, ...facades, jwks, authorize, ...metadata].toSorted(),
    );
    for (const [path, methods] of Object.entries(contract.paths)) {
      for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
        const { status } = await send(harness, {
          ...requestTo(path),
          method,
          ...(method === 'POST' ? {} : { body: '' }),
        });
        const served = path === authorize ? 400 : 200;
        expect([method, path, status]).toEqual([method, path, method.toLowerCase() in methods ? served : 405]);
      }
    }
  });

  it.each(['/token', '/decide', '/introspect', '/revoke', '/gcp/token', '/gcp/token/{target}', '/gcp/introspect'])(
    'has the statuses and errors of %s that the code has, and no others',
    (path) => {
      const statuses = new Set([200, 500, ...ALL_REFUSALS.map((refusal) => wireRefusal(refusal).status)]);
      const documented = Object.keys(contract.paths[path]?.post?.responses ?? {}).map(Number);
      expect(documented.toSorted()).toEqual([...statuses].toSorted());
      const errors = new Set([
        'server_error',
        ...GRANT_TYPES.flatMap((grant) => ALL_REFUSALS.map((refusal) => wireRefusal(refusal, grant).error)),
      ]);
      const listed = contract.components.schemas.Refusal?.properties?.error?.enum ?? [];
      expect(listed.toSorted()).toEqual([...errors].toSorted());
    },
  );

  it('has the statuses and codes of the endpoints of AWS that the code has, and no others', () => {
    const coded = ALL_REFUSALS.flatMap((refusal) =>
      [identityCode(refusal), assumptionCode(refusal, false)].map(({ code, status }) => ({
        code,
        status: status ?? wireRefusal(refusal).status,
      })),
    );
    const statuses = new Set([200, 500, ...coded.map(({ status }) => status)]);
    for (const path of ['/aws/sts', '/aws/sts/{target}'])
      expect(statusesOf(path, 'post')).toEqual([...statuses].toSorted());
    // There it needs no form, and a token instead.
    const ofForms = [413, 415];
    const own = [401, ...[...statuses].filter((status) => !ofForms.includes(status))];
    expect(statusesOf('/aws/credentials/{target}', 'get')).toEqual(own.toSorted());

    const source = readFileSync(new URL('../../../src/adapters/http/aws-errors.ts', import.meta.url), 'utf8');
    const codes = [...(/type AwsCode =([^;]*);/.exec(source)?.[1] ?? '').matchAll(/'(\w+)'/g)].map(([, code]) => code);
    expect(contract.components.schemas.AwsErrorCode?.enum?.toSorted()).toEqual(codes.toSorted());
    expect(codes).toEqual(expect.arrayContaining(coded.map(({ code }) => code)));
    const page = readFileSync(new URL('../../../docs/clouds/aws.md', import.meta.url), 'utf8');
    const told = [...page.matchAll(/^\| `(\w+)` \| (\d+)/gm)];
    expect(told.map(([, code]) => code).toSorted()).toEqual(codes.toSorted());
    for (const { code, status } of coded)
      if (status < 405) expect(told.find(([, name]) => name === code)?.[2], code).toBe(String(status));
  });

  it('describes the grants that there are, and how clients authenticate', () => {
    const requests = ['ExchangeRequest', 'ClientCredentialsRequest', 'JwtBearerRequest'];
    const grants = requests.map((name) => contract.components.schemas[name]?.properties?.grant_type?.const);
    expect(grants).toEqual(GRANT_TYPES);
    const types = contract.components.schemas.Client?.properties?.client_assertion_type?.enum ?? [];
    const source = readFileSync(new URL('../../../src/verifiers/client-auth.ts', import.meta.url), 'utf8');
    expect(types).toEqual(source.match(/urn:ietf:params:oauth:client-assertion-type:[a-z-]+/g));
  });

  it('describes the bodies that are sent', async () => {
    for (const outcome of [...ALL_REFUSALS.map(refused), { kind: 'failed', decision: DECISION } as const])
      conforms('Refusal', renderOutcome(outcome, () => undefined).body);
    conforms('DryRunResponse', renderOutcome(wouldGrant(['a']), () => undefined).body);
    conforms('ExchangeResponse', renderOutcome(granted(['a']), () => undefined).body);
    const members = Object.keys(contract.components.schemas.Introspection?.properties ?? {});
    const claims = Object.fromEntries([...members, 'lineage'].map((member) => [member, member]));
    const active = renderIntrospection(introspected(claims)).body;
    conforms('Introspection', active);
    expect(Object.keys(JSON.parse(active)).toSorted()).toEqual(members.toSorted());
    conforms('Introspection', renderIntrospection({ kind: 'introspected', decision: DECISION, token: undefined }).body);
    conforms('GoogleIntrospection', (await send(harness, { path: '/gcp/introspect', body: 'token=a' })).body);
    const described = contract.components.schemas.Metadata?.properties ?? {};
    for (const clientMethods of [[], ['private_key_jwt'] as const]) {
      const document = metadataDocument({
        issuer: ISSUER,
        signingAlgorithms: ['ES256'],
        clientMethods,
        assertionAlgorithms: ['ES256'],
        proofAlgorithms: ['ES256'],
      });
      conforms('Metadata', JSON.stringify(document));
      for (const member of Object.keys(document)) expect(described).toHaveProperty(member);
    }
    conforms('JwkSet', JSON.stringify(JWKS));
    const at = { method: 'GET', path: '/aws/credentials/payments-aws', body: '' };
    conforms('AwsCredentials', (await send(harness, { ...at, headers: { authorization: 'a.b.c' } })).body);
    const { body } = await send(harness, at);
    conforms('AwsRefusal', body);
    expect(contract.components.schemas.AwsErrorCode?.enum).toContain(JSON.parse(body).Code);
  });

  it('describes what is said where nobody can sign in', async () => {
    const { status, body } = await send(harness, { method: 'GET', path: '/authorize?response_type=code', body: '' });
    expect(status).toBe(400);
    conforms('NoSignIn', typeof body === 'string' ? body : JSON.stringify(body));
  });

  it('says the limits that the code has', () => {
    const text = JSON.stringify(contract);
    for (const limit of [BODY_BYTES_MAX, CREDENTIAL_BYTES_MAX, PARAMETER_BYTES_MAX])
      expect(text).toContain(`${limit.toLocaleString('en')}`);
    expect(text).toContain(`${FORM_PARAMETERS_MAX} parameters at most`);
    expect(text).toContain(`max-age=${METADATA_AGE_SECONDS}`);
    const { properties } = contract.components.schemas.Refusal ?? {};
    expect(properties?.error_description?.maxLength).toBe(SENTENCE_CHARACTERS_MAX);
    expect(contract.components.schemas.ExchangeRequest?.properties?.subject_token?.maxLength).toBe(
      CREDENTIAL_BYTES_MAX,
    );
  });
});
