// What a role of AWS must trust for assertions of a target, and what they pin: the session that is asked for (aws-session.ts) and the trust
// policy that `exchequer setup` prints come from here, so that they cannot differ (CA-03, CA-06, CA-07).

import type { AwsTrust } from '../core/cloud-trust.ts';
import { type Parameters, render } from '../parsing/template.ts';
import { tagKeys } from './aws-carry.ts';
import type { AwsOptions } from './aws-options.ts';
import { targetSubject } from './cloud-names.ts';
import { audienceOf } from './cloud-options.ts';
import type { TargetPlace } from './kind.ts';

/** The role, and what assertions for it say, with these values. */
export const awsPins = (
  { issuer, target, parameters }: TargetPlace,
  chosen: AwsOptions,
  values: Parameters,
): Pick<AwsTrust, 'role' | 'audience' | 'subject'> => ({
  role: render(chosen.role, values),
  audience: render(audienceOf(chosen, { issuer, name: target }), values),
  subject: targetSubject(target, parameters, values),
});

export const awsTrust = (place: TargetPlace, chosen: AwsOptions, values: Parameters): AwsTrust => ({
  cloud: 'aws',
  issuer: place.issuer,
  ...awsPins(place, chosen, values),
  tags: tagKeys(chosen.session ?? {}),
  sourceIdentity: chosen.session?.sourceIdentity === true,
  secondsMax: chosen.lifetime,
});
