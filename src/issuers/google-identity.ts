// Who a caller is to Google: `google.subject` is the caller, and who acts for it, in 127 bytes (CG-04); what is pinned is the claim `target`. A
// name that is longer is told by its SHA-256, in a form that no name has; the claims beside it say it in full (attribute mappings).

import { hash } from 'node:crypto';
import type { ProvedGrant } from '../core/decision.ts';
import type { JsonObject } from '../core/json.ts';
import { GOOGLE_SUBJECT_BYTES_MAX } from '../core/limits-cloud.ts';
import { type Parameters, render } from '../parsing/template.ts';
import { actorName, partiesName, targetSubject } from './cloud-names.ts';
import { audienceOf } from './cloud-options.ts';
import type { GcpOptions } from './gcp-options.ts';
import type { TargetPlace } from './kind.ts';

/** What one assertion says, and who that makes the caller. */
export interface GoogleIdentity {
  readonly audience: string;
  readonly subject: string;
  readonly more: JsonObject;
  readonly serviceAccount: string | undefined;
  /** The service account, or the federated principal. */
  readonly principal: string;
}

export function googleIdentity(
  grant: Pick<ProvedGrant, 'subject' | 'actors' | 'parameters'>,
  place: TargetPlace,
  chosen: GcpOptions,
): GoogleIdentity {
  const { subject: proved, actors, parameters } = grant;
  const [actor] = actors;
  const subject = googleSubject(partiesName(proved.name, actors));
  const { audience, target, serviceAccount } = googlePins(place, chosen, parameters);
  const more = { target, subject: proved.name, ...(actor ? { actor: actorName(actor) } : {}) };
  const principal = serviceAccount ?? `principal:${poolOf(chosen)}/subject/${subject}`;
  return { audience, subject, more, serviceAccount, principal };
}

/** What Google must be told of assertions for a target: the claim `target`, and `aud`. */
export const googlePins = ({ issuer, target, parameters }: TargetPlace, chosen: GcpOptions, values: Parameters) => ({
  audience: render(audienceOf(chosen, { issuer, name: target }), values),
  target: targetSubject(target, parameters, values),
  serviceAccount: chosen.serviceAccount === undefined ? undefined : render(chosen.serviceAccount, values),
});

/** `//iam.googleapis.com/projects/.../workloadIdentityPools/<pool>`. */
export const poolOf = ({ provider }: Pick<GcpOptions, 'provider'>): string => provider.split('/providers/')[0] ?? '';

/** The project's number: whose quota a question counts against. */
export const projectOf = ({ provider }: Pick<GcpOptions, 'provider'>): string => provider.split('/')[4] ?? '';

const googleSubject = (name: string): string =>
  Buffer.byteLength(name) <= GOOGLE_SUBJECT_BYTES_MAX ? name : `sha256|${hash('sha256', name)}`;
