// What a provider of Google's must trust for assertions of a target, and what they pin: what is asked for (google-identity.ts) and what
// `exchequer setup` prints come from here, so that they cannot differ (CG-02). The target stands in a claim of its own, `target`, because
// `sub` is whom Google's log names.

import type { GcpTrust } from '../core/cloud-trust.ts';
import { type Parameters, render } from '../parsing/template.ts';
import { targetSubject } from './cloud-names.ts';
import { audienceOf } from './cloud-options.ts';
import type { GcpOptions } from './gcp-options.ts';
import type { TargetPlace } from './kind.ts';

/** The service account, and what assertions for it say, with these values. */
export const googlePins = (
  { issuer, target, parameters }: TargetPlace,
  chosen: GcpOptions,
  values: Parameters,
): Pick<GcpTrust, 'provider' | 'serviceAccount' | 'audience' | 'subject'> => ({
  provider: chosen.provider,
  serviceAccount: chosen.serviceAccount === undefined ? undefined : render(chosen.serviceAccount, values),
  audience: render(audienceOf(chosen, { issuer, name: target }), values),
  subject: targetSubject(target, parameters, values),
});

export const gcpTrust = (place: TargetPlace, chosen: GcpOptions, values: Parameters): GcpTrust => ({
  cloud: 'gcp',
  issuer: place.issuer,
  ...googlePins(place, chosen, values),
  secondsMax: chosen.lifetime,
});
