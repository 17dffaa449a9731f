// The Model Context Protocol's authorization specification, and its extensions for client credentials and enterprise-managed
// authorization, as far as they ask anything of an authorization server or of the tokens that it issues.

import type { Row } from './row.ts';

const RESOURCE_SERVER = 'of the resource server, which is not ours: shown with the MCP SDK as one';

export const ROWS: readonly Row[] = [
  { id: 'MC-01', says: 'an authorization server offers RFC 8414 metadata or OpenID Connect Discovery' },
  { id: 'MC-02', says: 'metadata is served at all three places where clients try, with the same issuer' },
  { id: 'MC-03', says: 'resource is taken with every grant, and is the audience of the token' },
  { id: 'MC-04', says: 'what a gateway sends upstream is another token than the one it received' },
  { id: 'MC-05', says: 'access tokens are short-lived', decision: 'five minutes unless a target says otherwise' },
  { id: 'MC-06', says: 'every endpoint is https' },
  {
    id: 'MC-07',
    says: 'without an authorization endpoint none is made up; code_challenge_methods_supported where there is one',
    decision:
      'there is one, which refuses everything: the MCP SDKs take no document without it. Neither `code` nor a challenge method is offered, so no client sends anybody there',
  },
  {
    id: 'MC-08',
    says: 'authorization responses name their issuer',
    later: 'never: there are no authorization responses',
  },
  {
    id: 'MC-09',
    says: 'client ids that are documents are fetched and validated',
    later: 'never so far: clients are registered in the configuration',
  },
  { id: 'MC-10', says: '401 for an invalid token, 403 with scope for one that lacks it', decision: RESOURCE_SERVER },
  { id: 'MC-11', says: 'protected resource metadata names an authorization server', decision: RESOURCE_SERVER },
  {
    id: 'MC-20',
    says: 'an ID-JAG is asked for by token exchange, its audience another issuer',
    decision: 'ID-JAGs are not issued yet: asking for one is refused, and never answered with another token',
  },
  { id: 'MC-21', says: 'an ID-JAG is redeemed once, for its resource and scopes', later: 'ID-JAG' },
  { id: 'MC-22', says: 'the MCP SDK redeems a grant by jwt-bearer with a raw Basic credential' },
  { id: 'MC-23', says: 'client_credentials by private_key_jwt or client_secret_basic, listed in the metadata' },
  {
    id: 'MC-24',
    says: 'a workload presents its own JWT as an assertion without being a client',
    decision: 'the audience is the issuer, or what its source says; jwt-bearer is listed in the metadata',
  },
  { id: 'MC-25', says: 'DPoP proofs of the MCP SDK are taken, further claims ignored' },
];
