// Issues access tokens of Entra (CZ rows): client credentials of an application or a managed identity, with an assertion of ours as its
// federated credential. What that pins is the target, by `sub` and `aud`; who it was for stands in our record beside the token's own.

import { AZURE_PIN_CHARACTERS_MAX } from '../core/limits-cloud.ts';
import type { Issuer } from '../core/ports.ts';
import { ok, refuse } from '../core/refusal.ts';
import { askingEntra, type EntraPlace } from './azure-entra.ts';
import { type AzureOptions, azureOptions } from './azure-options.ts';
import { azureTrust } from './azure-trust.ts';
import { createTokenCloudIssuer } from './cloud-issuer.ts';
import { audienceOf, cloudTerms, reachedBy } from './cloud-options.ts';
import type { IssuerParts, TargetKind } from './kind.ts';

/** The target kind `azure`. */
export const azureTarget: TargetKind<typeof azureOptions> = Object.freeze({
  kind: 'azure',
  options: azureOptions,
  address: ({ clientId }) => clientId,
  // Entra gives between 60 and 90 minutes whatever is asked, or what a policy of the tenant says: never less than the target's lifetime.
  terms: (chosen) => ({ scopes: [], defaultScopes: [], ...cloudTerms(chosen, chosen.lifetime) }),
  signedFor: audienceOf,
  create: createAzureIssuer,
  cloud: {
    trust: (chosen, place) => azureTrust(place, chosen),
    endpoints: (chosen, files) =>
      chosen.deliver === 'assertion' ? [] : [{ url: authorityOf(chosen), ...reachedBy(chosen, files) }],
  },
} satisfies TargetKind<typeof azureOptions>);

const authorityOf = ({ endpoint }: AzureOptions): string =>
  (endpoint ?? 'https://login.microsoftonline.com').replace(/\/$/, '');

function createAzureIssuer(parts: IssuerParts, chosen: AzureOptions): Issuer {
  const { outbound, files } = parts.clouds;
  const place: EntraPlace = { outbound, authority: authorityOf(chosen), ...reachedBy(chosen, files) };
  const trust = azureTrust(parts, chosen);
  const { tenant, clientId, audience, subject } = trust;
  const session = { principal: clientId, audience, subject, more: {}, account: tenant };
  return createTokenCloudIssuer(parts, {
    cloud: 'azure',
    delivers: chosen.deliver === 'assertion',
    asked: { authority: authorityOf(chosen), resource: chosen.resource },
    sessionOf: () =>
      [parts.issuer, audience, subject].every((pin) => pin.length <= AZURE_PIN_CHARACTERS_MAX)
        ? ok(session)
        : refuse({ reason: 'cloud_refused', target: parts.target, cloud: 'azure', problem: 'pin_too_long' }),
    asking: (_session, assertion, order) => askingEntra(place, trust, assertion, order),
  });
}
