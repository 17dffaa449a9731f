// POST /gcp/introspect: the `token_info_url` of Google's `external_account` files, as gcloud asks it (docs/clouds/google.md): whose a token is
// that was given here. A form as RFC 7662 §2.1 has it, and as little of its answer as gcloud reads.

import type { Told } from '../../core/google-introspection.ts';
import type { Outcome } from '../../core/operation.ts';
import { type OwnTokenRequest, readOwnTokenRequest } from '../../core/own-token-request.ts';
import { ok, type Result } from '../../core/refusal.ts';
import type { Caller, Parameters } from '../../core/request.ts';
import type { Endpoint, EndpointParts } from './endpoint.ts';
import type { Form } from './form-request.ts';
import { asStranger } from './gcp-request.ts';
import { serveForm } from './serve-form.ts';
import { type Answer, HEADERS, renderUnanswered } from './wire.ts';

export const gcpIntrospect = (path: string, { issuer, googleIntrospect, nonce }: EndpointParts): Endpoint => ({
  method: 'POST',
  path,
  targets: 'none',
  serve: serveForm(
    { operation: googleIntrospect, form: FORM, render, transport: 'gcp-sts' },
    new URL(issuer).origin + path,
    nonce,
  ),
});

const FORM: Form<OwnTokenRequest> = Object.freeze({ read, grantType: () => undefined });

function read(parameters: Parameters, caller: Caller): Result<OwnTokenRequest> {
  const request = readOwnTokenRequest(parameters, caller);
  return request.ok ? ok({ ...request.value, client: asStranger(request.value.client) }) : request;
}

function render(outcome: Outcome<Told>): Answer {
  if (outcome.kind !== 'told') return renderUnanswered(outcome);
  const { token } = outcome;
  const body = token
    ? { active: true, username: token.session.principal, token_type: 'Bearer', exp: token.expiresAt }
    : { active: false };
  return { status: 200, headers: HEADERS, body: JSON.stringify(body) };
}
