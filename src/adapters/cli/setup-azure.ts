// The trust side of Azure for targets: one federated credential of the application for each, with issuer, subject and audience as they are
// signed. Entra compares all three whole, by every byte, and takes no wildcard (CZ-02).

import type { AzureTrust } from '../../core/cloud-trust.ts';
import { AZURE_PIN_CHARACTERS_MAX } from '../../core/limits-cloud.ts';
import type { HclBlock } from './setup-hcl.ts';
import { labelOf } from './setup-label.ts';
import { shellCommand } from './setup-shell.ts';
import type { FoundTrust, Printed } from './setup-tools.ts';

type Found = FoundTrust<AzureTrust>;

export function printAzure(issuer: string, found: readonly Found[]): Printed {
  const taken = new Set<string>();
  const labelled = found.map((one) => ({ one, label: labelOf(one.target, taken) }));
  return {
    terraform: labelled.flatMap(({ one, label }) => blocksOf(one, label)),
    cli: found.flatMap((one, index) => [
      ...(index === 0 ? [] : ['']),
      `# What target ${one.target} is to ${one.trust.tenant}.`,
      ...shellCommand('az ad app federated-credential create', [
        ['--id', one.trust.clientId],
        ['--parameters', JSON.stringify(credentialOf(one))],
      ]),
    ]),
    json: { credentials: found.map((one) => ({ clientId: one.trust.clientId, ...credentialOf(one) })) },
    problems: found.flatMap(problemsOf),
    remarks: [
      'of a user-assigned managed identity it is azurerm_federated_identity_credential, or az identity federated-credential create, with the same three values',
      ...(issuer.endsWith('/')
        ? [`the slash at the end of ${issuer} belongs to it: without it no assertion is taken`]
        : []),
      'a new credential is known everywhere after some minutes; until then Entra refuses with AADSTS70021 or AADSTS700213',
    ],
  };
}

/** Names are the operator's own: no two targets have one. */
const credentialOf = ({ target, trust: { issuer, subject, audience } }: Found) => ({
  name: `exchequer-${target}`,
  issuer,
  subject,
  audiences: [audience],
});

function blocksOf(one: Found, label: string): readonly HclBlock[] {
  const { name, issuer, subject, audiences } = credentialOf(one);
  return [
    {
      type: 'data',
      labels: ['azuread_application', label],
      says: [`The application of target ${one.target}, in the tenant ${one.trust.tenant}.`],
      attributes: { client_id: one.trust.clientId },
    },
    {
      type: 'resource',
      labels: ['azuread_application_federated_identity_credential', label],
      says: ['What it may do is assigned to the application elsewhere.'],
      attributes: {
        application_id: { reference: `data.azuread_application.${label}.id` },
        display_name: name,
        issuer,
        subject,
        audiences,
      },
    },
  ];
}

/** CZ-02. */
function problemsOf({ target, trust: { issuer, subject, audience } }: Found): readonly string[] {
  return Object.entries({ issuer, subject, audience }).flatMap(([what, value]) => [
    ...(value.length <= AZURE_PIN_CHARACTERS_MAX
      ? []
      : [`${target}: Entra takes ${AZURE_PIN_CHARACTERS_MAX} characters of ${what}, this has ${value.length}`]),
    ...(/\s/.test(value) ? [`${target}: its ${what} has a space in it, which is lost or refused on the way`] : []),
  ]);
}
