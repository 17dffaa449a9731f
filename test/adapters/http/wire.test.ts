// The table of errors, row by row, and the bodies themselves: what clients parse, and what strangers must not learn.

import fc from 'fast-check';
import * as oauth from 'oauth4webapi';
import { describe, expect, it } from 'vitest';
import { renderOutcome, describe as sentenceOf, wireRefusal } from '../../../src/adapters/http/wire.ts';
import { SENTENCE_CHARACTERS_MAX } from '../../../src/core/limits.ts';
import type { Nearest, Refusal } from '../../../src/core/refusal.ts';
import { JWT_BEARER_GRANT } from '../../../src/core/request.ts';
import { DECISION, granted, ISSUER, NONCE, refused, wouldGrant } from './harness.ts';

const OTHER = '01JCX6ZZZZ0123456789ABCDEG';
const nobody = (): undefined => undefined;
const body = (refusal: Refusal): string => renderOutcome(refused(refusal), nobody).body;
const nearest: Nearest = {
  ...{ rule: 'production', at: 'p.yaml:4', part: 'claims', what: 'ref' },
  ...{ presented: 'refs/heads/dev', expected: 'refs/heads/main', why: 'ask' },
};

const CREDENTIAL: readonly Refusal[] = [
  { reason: 'no_rule', nearest },
  { reason: 'no_rule' },
  { role: 'subject', source: 'eks', reason: 'credential_malformed', problem: 'base64url' },
  { role: 'subject', reason: 'issuer_unknown' },
  { role: 'subject', source: 'eks', reason: 'subject_reserved' },
  { role: 'subject', source: 'eks', reason: 'token_type_refused' },
  { role: 'subject', source: 'eks', reason: 'typ_refused' },
  { role: 'subject', source: 'eks', reason: 'header_refused', member: 'crit' },
  { role: 'subject', source: 'eks', reason: 'algorithm_refused' },
  { role: 'subject', source: 'eks', reason: 'key_unknown' },
  { role: 'subject', source: 'eks', reason: 'signature_invalid' },
  { role: 'subject', source: 'eks', reason: 'claim_missing', claim: 'exp' },
  { role: 'subject', source: 'eks', reason: 'claim_invalid', claim: 'exp' },
  { role: 'subject', source: 'eks', reason: 'claim_forbidden', claim: 'act' },
  { role: 'subject', source: 'eks', reason: 'claim_unsupported', claim: 'act' },
  { role: 'subject', source: 'eks', reason: 'audience_mismatch' },
  { role: 'subject', source: 'eks', reason: 'expired' },
  { role: 'subject', source: 'eks', reason: 'not_yet_valid' },
  { role: 'subject', source: 'eks', reason: 'lifetime_too_long', secondsMax: 600 },
  { role: 'subject', source: 'eks', reason: 'too_old', secondsMax: 600 },
  { role: 'subject', source: 'eks', reason: 'requirement_unmet', claim: 'repository_owner_id' },
  { role: 'subject', source: 'eks', reason: 'replayed', spentBy: OTHER },
  { role: 'subject', source: 'eks', reason: 'binding_mismatch' },
  { role: 'subject', source: 'eks', reason: 'withdrawn', withdrawal: OTHER },
  { role: 'actor', source: 'eks', reason: 'actor_is_subject' },
  { role: 'actor', source: 'eks', reason: 'actor_repeated' },
  { role: 'actor', source: 'eks', reason: 'chain_too_long' },
  { role: 'subject', source: 'eks', reason: 'may_act_unmet' },
];
const PROOF: readonly Refusal[] = [
  { reason: 'dpop_proof_refused', problem: 'signature' },
  { reason: 'dpop_proof_refused', problem: 'time' },
  { reason: 'dpop_proof_replayed', spentBy: OTHER },
];
const confirmation = (acrValues: readonly string[], maxAgeSeconds: number | undefined): Refusal => ({
  reason: 'confirmation_wanted',
  acrValues,
  maxAgeSeconds,
  nearest,
});
const TARGET: readonly Refusal[] = [
  { reason: 'target_unknown' },
  { reason: 'targets_differ' },
  { reason: 'target_ambiguous', rules: ['r', 's'] },
  { reason: 'target_not_allowed', nearest },
  { reason: 'target_denied', rule: 'never-bots' },
  { reason: 'target_requirement_unmet', requirement: 'mfa' },
];

describe('the table of errors', () => {
  it.each<[Refusal, number, string]>([
    [{ reason: 'method_not_allowed' }, 405, 'invalid_request'],
    [{ reason: 'media_type_unsupported' }, 415, 'invalid_request'],
    [{ reason: 'query_forbidden' }, 400, 'invalid_request'],
    [{ reason: 'body_malformed', problem: 'not_utf8' }, 400, 'invalid_request'],
    [{ reason: 'body_too_large', bytesMax: 9 }, 413, 'invalid_request'],
    [{ reason: 'parameter_missing', parameter: 'subject_token' }, 400, 'invalid_request'],
    [{ reason: 'parameter_repeated', parameter: 'scope' }, 400, 'invalid_request'],
    [{ reason: 'parameter_too_large', parameter: 'scope', bytesMax: 9 }, 400, 'invalid_request'],
    [{ reason: 'parameter_malformed', parameter: 'scope' }, 400, 'invalid_request'],
    [{ reason: 'parameter_unsupported', parameter: 'actor_token' }, 400, 'invalid_request'],
    [{ reason: 'token_type_unsupported', parameter: 'requested_token_type' }, 400, 'invalid_request'],
    [{ reason: 'grant_type_unsupported' }, 400, 'unsupported_grant_type'],
    [{ reason: 'scope_malformed' }, 400, 'invalid_scope'],
    [{ reason: 'resource_malformed' }, 400, 'invalid_target'],
    [{ reason: 'client_credential_refused', method: 'basic', problem: 'secret_wrong' }, 401, 'invalid_client'],
    [{ reason: 'client_credential_refused', method: 'assertion', problem: 'unregistered' }, 400, 'invalid_client'],
    [{ reason: 'client_required', source: 'people' }, 400, 'invalid_client'],
    [{ reason: 'scope_not_allowed' }, 400, 'invalid_scope'],
    [{ reason: 'keys_unavailable', source: 'eks', retryAfterSeconds: 3 }, 503, 'temporarily_unavailable'],
    [{ reason: 'store_unavailable', retryAfterSeconds: 1 }, 503, 'temporarily_unavailable'],
    [{ reason: 'audit_unavailable', retryAfterSeconds: 1 }, 503, 'temporarily_unavailable'],
    [{ reason: 'overloaded', retryAfterSeconds: 1 }, 503, 'temporarily_unavailable'],
    [{ reason: 'dpop_nonce_wanted', nonce: NONCE }, 400, 'use_dpop_nonce'],
    [confirmation(['mfa'], 600), 400, 'insufficient_user_authentication'],
    ...PROOF.map((refusal): [Refusal, number, string] => [refusal, 400, 'invalid_dpop_proof']),
    ...CREDENTIAL.map((refusal): [Refusal, number, string] => [refusal, 400, 'invalid_request']),
    ...TARGET.map((refusal): [Refusal, number, string] => [refusal, 400, 'invalid_target']),
  ])('%j is %i %s (TX-30 to TX-32, OA-08)', (refusal, status, error) => {
    expect(wireRefusal(refusal)).toMatchObject({ status, error });
  });

  it('a credential that an assertion grant refuses is an invalid grant, and one of a client is no client (JA-06, JA-07)', () => {
    for (const reason of ['actor_is_subject', 'actor_repeated', 'chain_too_long', 'may_act_unmet'] as const)
      expect(wireRefusal({ role: 'actor', reason }, JWT_BEARER_GRANT)).toMatchObject({ error: 'invalid_grant' });
    expect(wireRefusal({ role: 'client', reason: 'withdrawn', withdrawal: OTHER })).toMatchObject({
      error: 'invalid_client',
    });
  });

  it('a nonce that is wanted stands in the header, once, and nowhere else (DP-06)', () => {
    const {
      status,
      headers,
      body: text,
    } = renderOutcome(refused({ reason: 'dpop_nonce_wanted', nonce: NONCE }), nobody);
    expect([status, headers['dpop-nonce']]).toEqual([400, NONCE]);
    expect(JSON.parse(text)).toEqual({
      error: 'use_dpop_nonce',
      error_description: `the DPoP proof must have the nonce of the header DPoP-Nonce; decision ${DECISION}`,
    });
  });

  it('what a person must confirm stands in the body, as far as there is any (RFC 9470 §3)', () => {
    const { error_description: _, ...said } = JSON.parse(body(confirmation(['mfa', 'phr'], 600)));
    expect(said).toEqual({ error: 'insufficient_user_authentication', acr_values: 'mfa phr', max_age: 600 });
    expect(Object.keys(JSON.parse(body(confirmation([], 0))))).toEqual(['error', 'error_description', 'max_age']);
    expect(Object.keys(JSON.parse(body(confirmation(['mfa'], undefined))))).toEqual([
      ...['error', 'error_description', 'acr_values'],
    ]);
  });

  it('says when to come back, in whole seconds and never at once', () => {
    const retry = (retryAfterSeconds: number) => wireRefusal({ reason: 'overloaded', retryAfterSeconds }).headers;
    expect([retry(0), retry(1.2)]).toEqual([{ 'retry-after': '1' }, { 'retry-after': '2' }]);
  });

  it('a fault is 500 server_error with the decision id and nothing else (A-183)', () => {
    const { status, body: text } = renderOutcome({ kind: 'failed', decision: DECISION }, nobody);
    expect([status, JSON.parse(text)]).toEqual([
      500,
      { error: 'server_error', error_description: `the broker failed; decision ${DECISION}` },
    ]);
  });
});

describe('what a stranger learns', () => {
  it('every credential refusal, and "no rule", has one body, byte for byte (TX-33, A-182)', () => {
    expect(new Set(CREDENTIAL.map(body)).size).toBe(1);
  });

  it('every proof that is refused has one body, byte for byte (DP-02, A-182)', () => {
    expect(new Set(PROOF.map(body)).size).toBe(1);
  });

  it('every target refusal has one body, byte for byte (TX-31)', () => {
    expect(new Set(TARGET.map(body)).size).toBe(1);
    expect(body({ reason: 'target_unknown' })).not.toBe(body({ reason: 'no_rule' }));
  });

  it('two bodies of one code differ only in the decision id', () => {
    const one = renderOutcome({ ...refused({ reason: 'no_rule' }), decision: OTHER }, nobody).body;
    expect(one.replace(OTHER, DECISION)).toBe(body({ role: 'subject', reason: 'issuer_unknown' }));
  });

  it("a parameter's name is repeated only where it is the protocol's own", () => {
    expect(body({ reason: 'parameter_repeated', parameter: 'eyJhbGciOiJub25lIn0.e30.' })).not.toContain('eyJ');
    expect(body({ reason: 'parameter_repeated', parameter: 'scope' })).toContain('scope is repeated');
  });

  it('a caller of a source that says `tell: caller` gets its sentence, once with the decision id', () => {
    const text = `nearest production[shop]: ref was "refs/heads/dev". Ask #platform. ${DECISION}`;
    const answer = renderOutcome(refused({ reason: 'no_rule', nearest }), () => text);
    expect(JSON.parse(answer.body)).toEqual({
      error: 'invalid_request',
      error_description: `nearest production[shop]: ref was 'refs/heads/dev'. Ask #platform. ${DECISION}`,
    });
  });
});

describe('error_description', () => {
  it('keeps to the characters of RFC 6749 and to its length, whatever the sentence says (OA-06, A-195)', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2_000 }), (text) => {
        const sentence = sentenceOf(text, DECISION);
        expect(sentence).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/);
        expect(sentence.length).toBeLessThanOrEqual(SENTENCE_CHARACTERS_MAX);
        expect(sentence.endsWith(` ${DECISION}`)).toBe(true);
      }),
    );
    expect(sentenceOf('a"b\\c\r\nd\u{1f600}e', DECISION)).toBe(`a'b?c??d?e ${DECISION}`);
  });
});

describe('clients that parse us', () => {
  const as: oauth.AuthorizationServer = { issuer: ISSUER };
  const client: oauth.Client = { client_id: 'a' };
  const response = ({ status, headers, body: text }: ReturnType<typeof renderOutcome>): Response =>
    new Response(text, { status, headers });

  it('oauth4webapi takes a success: all members, the seconds left, and the scopes given (TX-20, TX-22 to TX-24, A-134)', async () => {
    const answer = renderOutcome(granted(['postings:read', 'b']), nobody);
    expect(JSON.parse(answer.body)).toEqual({
      access_token: 'issued.token.text',
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: 300,
      scope: 'postings:read b',
    });
    const taken = await oauth.processGenericTokenEndpointResponse(as, client, response(answer));
    expect(taken).toMatchObject({ access_token: 'issued.token.text', token_type: 'bearer', expires_in: 300 });
  });

  it('what would be granted has the members of a token but the token, and the target in the caller’s own words', () => {
    const { headers, status, body } = renderOutcome(wouldGrant(['a', 'b']), nobody);
    expect([status, headers]).toEqual([200, renderOutcome(granted(), nobody).headers]);
    expect(JSON.parse(body)).toEqual({
      decision: DECISION,
      granted: true,
      target: 'ledger',
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      expires_in: 300,
      scope: 'a b',
    });
    expect(JSON.parse(renderOutcome(wouldGrant(), nobody).body)).not.toHaveProperty('scope');
  });

  it.each([
    ['later than was granted, by a cloud whose clock is ahead', 1_800_000_301, 300],
    ['earlier', 1_800_000_299, 299],
  ])('A-162 what ends %s is told to live for as long as both say', (_, expiresAt, seconds) => {
    const outcome = granted();
    if (outcome.kind !== 'granted') throw new Error('not granted');
    const answer = renderOutcome({ ...outcome, issued: { ...outcome.issued, expiresAt } }, nobody);
    expect(JSON.parse(answer.body)).toMatchObject({ expires_in: seconds });
  });

  it('a success without scopes has no scope member', () => {
    expect(JSON.parse(renderOutcome(granted(), nobody).body)).not.toHaveProperty('scope');
  });

  it('oauth4webapi takes a token of type DPoP where it sent a proof (DP-07)', async () => {
    const outcome = granted();
    if (outcome.kind !== 'granted') throw new Error('it is granted');
    const answer = renderOutcome({ ...outcome, issued: { ...outcome.issued, tokenType: 'DPoP' } }, nobody);
    expect(JSON.parse(answer.body)).toMatchObject({ token_type: 'DPoP' });
    const taken = await oauth.processGenericTokenEndpointResponse(as, client, response(answer));
    expect(taken).toMatchObject({ token_type: 'dpop' });
  });

  it('oauth4webapi reads every error, and Basic as a challenge (OA-07)', async () => {
    const process = (refusal: Refusal) =>
      oauth.processGenericTokenEndpointResponse(as, client, response(renderOutcome(refused(refusal), nobody)));
    for (const refusal of [...CREDENTIAL, ...TARGET, { reason: 'overloaded', retryAfterSeconds: 1 } as const]) {
      const { status, error } = wireRefusal(refusal);
      if (status < 500)
        await expect(process(refusal)).rejects.toMatchObject({ name: 'ResponseBodyError', error, status });
      else await expect(process(refusal)).rejects.toMatchObject({ name: 'OperationProcessingError' });
    }
    await expect(
      process({ reason: 'client_credential_refused', method: 'basic', problem: 'secret_wrong' }),
    ).rejects.toMatchObject({
      name: 'WWWAuthenticateChallengeError',
      cause: [{ scheme: 'basic', parameters: { realm: 'exchequer' } }],
    });
  });
});
