// Issues access tokens of Entra for Azure (CZ rows): client credentials of an application, with an assertion of ours in place of a secret. A
// federated credential of the application pins issuer, subject and audience, byte for byte: the target. Most use `deliver: assertion`, and let
// the SDK of Azure ask Entra itself.

import { z } from 'zod';
import type { CloudAttempt } from '../core/cloud-ports.ts';
import { LEEWAY_SECONDS, TOKEN_LIFETIME_SECONDS_MAX } from '../core/limits.ts';
import { AZURE_TOKEN_SECONDS_MAX } from '../core/limits-cloud.ts';
import type { IssueOrder, Issuer } from '../core/ports.ts';
import { createTokenCloudIssuer, type GivenToken } from './cloud-issuer.ts';
import { askOnce, type CloudPlace, type Codes, secondsIn, textIn, UNREADABLE } from './cloud-json.ts';
import { targetSubject } from './cloud-names.ts';
import { audienceOf, cloudOptions, cloudTerms } from './cloud-options.ts';
import type { IssuerParts, TargetKind } from './kind.ts';

const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const tenant = /^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?:[a-z0-9-]{1,63}\.)+[a-z]{2,63})$/;

const options = z
  .strictObject({
    ...cloudOptions({
      floorSeconds: AZURE_TOKEN_SECONDS_MAX,
      secondsMax: TOKEN_LIFETIME_SECONDS_MAX,
      usually: `${AZURE_TOKEN_SECONDS_MAX}s`,
    }),
    tenant: z
      .string()
      .regex(tenant, { error: 'must be the id or a domain of a tenant, in small letters' })
      .describe('The tenant of the application.'),
    clientId: z
      .string()
      .regex(guid, { error: 'must be the client id of an application, in small letters' })
      .describe('The client id of the application, or of the managed identity.'),
    resource: z
      .string()
      .regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,512}$/, { error: 'must be one resource, such as https://vault.azure.net' })
      .optional()
      .describe('What the token is for; not for `deliver: assertion`, where the SDK says it.'),
  })
  .superRefine(({ resource, deliver }, context) => {
    if ((resource === undefined) === (deliver === 'credentials'))
      context.addIssue({
        code: 'custom',
        path: ['resource'],
        message:
          deliver === 'credentials' ? 'must be named: a token of Entra is for one' : 'means nothing for an assertion',
      });
  });
export type AzureOptions = z.output<typeof options>;

/** The target kind `azure`. */
export const azureTarget: TargetKind<typeof options> = Object.freeze({
  kind: 'azure',
  options,
  address: ({ clientId }) => clientId,
  terms: (chosen) => ({ scopes: [], defaultScopes: [], ...cloudTerms(chosen, AZURE_TOKEN_SECONDS_MAX) }),
  signedFor: audienceOf,
  create: createAzureIssuer,
} satisfies TargetKind<typeof options>);

/** Busy; and what a new federated credential is told for some minutes (CZ-04). */
const CODES: Codes = {
  busy: ['AADSTS90033', 'AADSTS50196', 'temporarily_unavailable'],
  again: ['AADSTS70021', 'AADSTS700213', 'server_error'],
};

function createAzureIssuer(parts: IssuerParts, chosen: AzureOptions): Issuer {
  const { clouds, target, issuer } = parts;
  const place: CloudPlace = {
    outbound: clouds.outbound,
    ca: chosen.ca === undefined ? undefined : clouds.files.get(chosen.ca),
    privateNetwork: chosen.privateNetwork ?? false,
  };
  return createTokenCloudIssuer(parts, {
    cloud: 'azure',
    delivers: chosen.deliver === 'assertion',
    identityOf: ({ grant }) => ({
      principal: chosen.clientId,
      audience: audienceOf(chosen, { issuer, name: target }),
      subject: targetSubject(target, parts.parameters, grant.parameters),
    }),
    obtain: (order, _identity, assertion) =>
      clouds.ask({ cloud: 'azure', account: chosen.tenant, target }, (deadlineMs) =>
        tokenFor(place, chosen, { assertion, order }, deadlineMs),
      ),
  });
}

/** The v2 endpoint of the tenant (CZ-01). */
async function tokenFor(
  place: CloudPlace,
  { endpoint = 'https://login.microsoftonline.com', tenant: of, clientId, resource }: AzureOptions,
  { assertion, order }: { readonly assertion: string; readonly order: IssueOrder },
  deadlineMs: number,
): Promise<CloudAttempt<GivenToken>> {
  const answer = await askOnce(
    place,
    {
      url: `${endpoint}/${of}/oauth2/v2.0/token`,
      body: {
        form: {
          grant_type: 'client_credentials',
          client_id: clientId,
          scope: `${resource}/.default`,
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: assertion,
        },
      },
    },
    CODES,
    deadlineMs,
  );
  if (!answer.ok) return answer;
  const accessToken = textIn(answer.value, 'access_token');
  const seconds = secondsIn(answer.value, 'expires_in');
  if (accessToken === undefined || seconds === undefined) return UNREADABLE;
  const expiresAt = order.issuedAt + seconds;
  return expiresAt <= order.expiresAt + LEEWAY_SECONDS
    ? { ok: true, value: { accessToken, expiresAt } }
    : { ok: false, problem: 'lifetime', again: 'never' };
}
