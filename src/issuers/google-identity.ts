// Whom Google is asked for: the caller as `sub`, which its log shows behind the service account, and who acts for it; both in full as claims
// of their own, for attribute mappings. What Google would not take is refused before it is asked (CG-04, A-167).

import { hash } from 'node:crypto';
import { GOOGLE_SUBJECT_BYTES_MAX } from '../core/limits-cloud.ts';
import type { IssueOrder } from '../core/ports.ts';
import { type CloudRefusal, ok, type Result, refuse } from '../core/refusal.ts';
import { parametersIn } from '../parsing/template.ts';
import type { Asserted } from './cloud-issuer.ts';
import { actorName, partiesName } from './cloud-names.ts';
import { type GcpOptions, poolOf } from './gcp-options.ts';
import { googlePins } from './gcp-trust.ts';
import type { TargetPlace } from './kind.ts';

export interface GoogleIdentity extends Asserted {
  readonly provider: string;
  readonly serviceAccount: string | undefined;
  readonly scopes: readonly string[];
  readonly seconds: number;
}

/** What a parameter may bring into a service account: no project more, and no other. */
const IN_ACCOUNT = /^[a-z0-9-]+$/;
const AUDIENCE_CHARACTERS_MAX = 256;

export function googleIdentity(
  order: IssueOrder,
  parts: TargetPlace,
  chosen: GcpOptions,
): Result<GoogleIdentity, CloudRefusal> {
  const { subject: caller, actors, parameters, scopes } = order.grant;
  const { provider, serviceAccount, audience, subject: target } = googlePins(parts, chosen, parameters);
  const bound = parametersIn(chosen.serviceAccount ?? '').map((name) => parameters[name] ?? '');
  const refused = (problem: string) => refuse({ reason: 'cloud_refused', target: parts.target, cloud: 'gcp', problem });
  if (!bound.every((value) => IN_ACCOUNT.test(value))) return refused('service_account_unfit');
  if (audience.length > AUDIENCE_CHARACTERS_MAX) return refused('audience_unfit');

  const subject = googleSubject(partiesName(caller.name, actors));
  const { project, pool } = poolOf(provider);
  const [actor] = actors;
  return ok({
    provider,
    serviceAccount,
    scopes,
    seconds: order.expiresAt - order.issuedAt,
    account: project,
    principal:
      serviceAccount ??
      `principal://iam.googleapis.com/projects/${project}/locations/global/workloadIdentityPools/${pool}/subject/${subject}`,
    audience,
    subject,
    more: { target, subject: caller.name, ...(actor ? { actor: actorName(actor) } : {}) },
  });
}

/** `google.subject` has at most 127 bytes. No name of ours begins like what stands for a longer one: a name has a colon before any `|`. */
const googleSubject = (name: string): string =>
  Buffer.byteLength(name) <= GOOGLE_SUBJECT_BYTES_MAX ? name : `sha256|${hash('sha256', name)}`;
