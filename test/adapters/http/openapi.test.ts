// openapi/exchequer.yaml is the contract of the public listener: its paths, methods, statuses, errors and limits are those of
// the code, and what the listener answers has the shapes that it names.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
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
import type { Reason, Refusal } from '../../../src/core/refusal.ts';
import { GRANT_TYPES } from '../../../src/core/request.ts';
import {
  DECISION,
  form,
  granted,
  type Harness,
  ISSUER,
  introspected,
  JWKS,
  NONCE,
  refused,
  send,
  startListener,
  wouldGrant,
} from './harness.ts';

const credential = { role: 'subject', source: 'eks' } as const;
/** One refusal for every reason there is: a new one does not compile until it stands here. */
const EVERY: { readonly [R in Reason]: Extract<Refusal, { reason: R }> } = {
  method_not_allowed: { reason: 'method_not_allowed' },
  media_type_unsupported: { reason: 'media_type_unsupported' },
  query_forbidden: { reason: 'query_forbidden' },
  body_malformed: { reason: 'body_malformed', problem: 'encoded' },
  body_too_large: { reason: 'body_too_large', bytesMax: 1 },
  parameter_missing: { reason: 'parameter_missing', parameter: 'scope' },
  parameter_repeated: { reason: 'parameter_repeated', parameter: 'scope' },
  parameter_too_large: { reason: 'parameter_too_large', parameter: 'scope', bytesMax: 1 },
  parameter_malformed: { reason: 'parameter_malformed', parameter: 'scope' },
  parameter_unsupported: { reason: 'parameter_unsupported', parameter: 'DPoP' },
  grant_type_unsupported: { reason: 'grant_type_unsupported' },
  token_type_unsupported: { reason: 'token_type_unsupported', parameter: 'subject_token_type' },
  scope_malformed: { reason: 'scope_malformed' },
  resource_malformed: { reason: 'resource_malformed' },
  client_credential_refused: { reason: 'client_credential_refused', method: 'basic', problem: 'secret_wrong' },
  client_required: { reason: 'client_required', source: 'people' },
  client_not_presenter: { reason: 'client_not_presenter', source: 'people' },
  credential_malformed: { ...credential, reason: 'credential_malformed', problem: 'too_large' },
  issuer_unknown: { role: 'subject', reason: 'issuer_unknown' },
  subject_reserved: { ...credential, reason: 'subject_reserved' },
  token_type_refused: { ...credential, reason: 'token_type_refused' },
  typ_refused: { ...credential, reason: 'typ_refused' },
  header_refused: { ...credential, reason: 'header_refused', member: 'crit' },
  algorithm_refused: { ...credential, reason: 'algorithm_refused' },
  key_unknown: { ...credential, reason: 'key_unknown' },
  signature_invalid: { ...credential, reason: 'signature_invalid' },
  claim_missing: { ...credential, reason: 'claim_missing', claim: 'exp' },
  claim_invalid: { ...credential, reason: 'claim_invalid', claim: 'exp' },
  claim_forbidden: { ...credential, reason: 'claim_forbidden', claim: 'act' },
  claim_unsupported: { ...credential, reason: 'claim_unsupported', claim: 'act' },
  audience_mismatch: { ...credential, reason: 'audience_mismatch' },
  expired: { ...credential, reason: 'expired' },
  not_yet_valid: { ...credential, reason: 'not_yet_valid' },
  lifetime_too_long: { ...credential, reason: 'lifetime_too_long', secondsMax: 1 },
  too_old: { ...credential, reason: 'too_old', secondsMax: 1 },
  requirement_unmet: { ...credential, reason: 'requirement_unmet', claim: 'repository_owner_id' },
  replayed: { ...credential, reason: 'replayed', spentBy: DECISION },
  certificate_refused: { ...credential, reason: 'certificate_refused', problem: 'der' },
  review_refused: { ...credential, reason: 'review_refused', problem: 'audience' },
  binding_mismatch: { ...credential, reason: 'binding_mismatch' },
  withdrawn: { ...credential, reason: 'withdrawn', withdrawal: DECISION },
  actor_is_subject: { ...credential, reason: 'actor_is_subject' },
  actor_repeated: { ...credential, reason: 'actor_repeated' },
  chain_too_long: { ...credential, reason: 'chain_too_long' },
  may_act_unmet: { ...credential, reason: 'may_act_unmet' },
  dpop_proof_refused: { reason: 'dpop_proof_refused', problem: 'signature' },
  dpop_nonce_wanted: { reason: 'dpop_nonce_wanted', nonce: NONCE },
  dpop_proof_replayed: { reason: 'dpop_proof_replayed', spentBy: DECISION },
  review_unavailable: { reason: 'review_unavailable', source: 'eks', problem: 'timeout', retryAfterSeconds: 1 },
  no_rule: { reason: 'no_rule' },
  target_unknown: { reason: 'target_unknown' },
  targets_differ: { reason: 'targets_differ' },
  target_ambiguous: { reason: 'target_ambiguous', rules: ['r', 's'] },
  target_not_allowed: { reason: 'target_not_allowed' },
  target_denied: { reason: 'target_denied', rule: 'r' },
  cloud_refused: { reason: 'cloud_refused', target: 'deploy', cloud: 'aws', problem: 'AccessDenied' },
  would_outlive: { reason: 'would_outlive', target: 'deploy', credentialEndsAt: 1, earliestEndAt: 2 },
  cloud_unavailable: {
    reason: 'cloud_unavailable',
    target: 'deploy',
    cloud: 'aws',
    problem: 'Throttling',
    retryAfterSeconds: 2,
  },
  target_requirement_unmet: { reason: 'target_requirement_unmet', requirement: 'mfa' },
  scope_not_allowed: { reason: 'scope_not_allowed' },
  confirmation_wanted: { reason: 'confirmation_wanted', acrValues: ['mfa', 'phr'], maxAgeSeconds: 600 },
  keys_unavailable: { reason: 'keys_unavailable', source: 'eks', retryAfterSeconds: 1 },
  store_unavailable: { reason: 'store_unavailable', retryAfterSeconds: 1 },
  audit_unavailable: { reason: 'audit_unavailable', retryAfterSeconds: 1 },
  overloaded: { reason: 'overloaded', retryAfterSeconds: 1 },
};
const ALL: readonly Refusal[] = Object.values(EVERY);

const shape = z.looseObject({
  type: z.string().optional(),
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
      const statuses = new Set([200, 500, ...ALL.map((refusal) => wireRefusal(refusal).status)]);
      const documented = Object.keys(contract.paths[path]?.post?.responses ?? {}).map(Number);
      expect(documented.toSorted()).toEqual([...statuses].toSorted());
      const errors = new Set([
        'server_error',
        ...GRANT_TYPES.flatMap((grant) => ALL.map((refusal) => wireRefusal(refusal, grant).error)),
      ]);
      const listed = contract.components.schemas.Refusal?.properties?.error?.enum ?? [];
      expect(listed.toSorted()).toEqual([...errors].toSorted());
    },
  );

  it('describes the grants that there are, and how clients authenticate', () => {
    const requests = ['ExchangeRequest', 'ClientCredentialsRequest', 'JwtBearerRequest'];
    const grants = requests.map((name) => contract.components.schemas[name]?.properties?.grant_type?.const);
    expect(grants).toEqual(GRANT_TYPES);
    const types = contract.components.schemas.Client?.properties?.client_assertion_type?.enum ?? [];
    const source = readFileSync(new URL('../../../src/verifiers/client-auth.ts', import.meta.url), 'utf8');
    expect(types).toEqual(source.match(/urn:ietf:params:oauth:client-assertion-type:[a-z-]+/g));
  });

  it('describes the bodies that are sent', async () => {
    for (const outcome of [...ALL.map(refused), { kind: 'failed', decision: DECISION } as const])
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
