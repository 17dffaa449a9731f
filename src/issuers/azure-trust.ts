// What a federated credential of Entra must name for assertions of a target, byte for byte (CZ-02): what is signed and what
// `exchequer setup` prints come from here, so that they cannot differ.

import type { AzureTrust } from '../core/cloud-trust.ts';
import type { AzureOptions } from './azure-options.ts';
import { targetSubject } from './cloud-names.ts';
import { audienceOf } from './cloud-options.ts';
import type { TargetPlace } from './kind.ts';

export const azureTrust = ({ issuer, target }: TargetPlace, chosen: AzureOptions): AzureTrust => ({
  cloud: 'azure',
  issuer,
  audience: audienceOf(chosen, { issuer, name: target }),
  subject: targetSubject(target, [], {}),
  tenant: chosen.tenant,
  clientId: chosen.clientId,
  resource: chosen.resource,
});
