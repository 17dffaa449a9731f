// RFC 8693: request, response and errors of the token exchange (§2.1, §2.2), with what RFC 6749 §3.2 says of parameters.

import type { Row } from './row.ts';

export const ROWS: readonly Row[] = [
  { id: 'TX-01', says: 'POST, form-encoded, UTF-8, with the full URN as grant_type' },
  { id: 'TX-02', says: 'subject_token and its type are required; an empty one is missing' },
  {
    id: 'TX-03',
    says: 'actor_token_type stands exactly where actor_token does',
  },
  {
    id: 'TX-04',
    says: 'a token is validated as the type it is sent as',
    decision: 'the type never selects trust; it must be one that the responsible source takes',
  },
  { id: 'TX-05', says: 'resource is an absolute URI without a fragment, and may repeat' },
  {
    id: 'TX-06',
    says: 'audience may repeat and stand beside resource; policy is asked for all',
    decision: 'one target per token: all values must name the same target',
  },
  {
    id: 'TX-07',
    says: 'all scopes at all targets, or refused; never another target',
    decision: 'scopes are refused, never cut down; more than eight target values are invalid_request, as all sizes are',
  },
  { id: 'TX-08', says: 'one target per token', decision: 'always: no rule and no target allows two' },
  { id: 'TX-09', says: 'scope is separated by single spaces, case-sensitive, of few characters' },
  { id: 'TX-10', says: 'an unsupported requested_token_type never becomes another type' },
  {
    id: 'TX-11',
    says: 'an exchange does not change the validity of what was exchanged',
    decision: 'sources whose tokens are one-time spend them: once, once-per-target or reusable per source',
  },
  { id: 'TX-12', says: 'without client authentication only a workload that presents itself is served' },
  { id: 'TX-13', says: 'only audience and resource may repeat' },
  {
    id: 'TX-14',
    says: 'unknown parameters are ignored',
    decision: 'known parameters whose meaning is not built are refused, never ignored',
  },
  {
    id: 'TX-15',
    says: 'sizes have hard limits with a clear error, never truncation',
    decision: '64 KiB per credential, 4 KiB per other parameter, 128 KiB per body (413); fixed, not configurable',
  },
  { id: 'TX-20', says: 'success is 200 JSON with access_token, issued_token_type and token_type' },
  {
    id: 'TX-21',
    says: 'token_type is N_A where what was issued is no access token',
    decision: 'only access tokens are issued so far, so it is always Bearer',
  },
  { id: 'TX-22', says: 'expires_in is a positive integer and agrees with exp' },
  { id: 'TX-23', says: 'scope is returned wherever it differs from what was asked' },
  { id: 'TX-24', says: 'no refresh token for workloads', decision: 'never, for anyone' },
  { id: 'TX-25', says: 'no-store on every answer of the token endpoint' },
  { id: 'TX-30', says: 'a refused credential is invalid_request, for whatever reason' },
  { id: 'TX-31', says: 'an unknown or refused target is invalid_target' },
  { id: 'TX-32', says: 'every refusal has its own fixed error code' },
  {
    id: 'TX-33',
    says: 'the answer does not tell why a credential was refused',
    decision: 'bodies differ in the decision id only, unless the source says tell: caller and the caller is proved',
  },
  {
    id: 'TX-40',
    says: 'act holds identity claims of the actor only',
    decision:
      'iss and sub as proved; the name of a CI job stands beside them as sub_id (RFC 9493), and no outside act may bear one',
  },
  { id: 'TX-41', says: 'the outermost act is the current actor' },
  {
    id: 'TX-42',
    says: 'prior actors never allow anything',
    decision: 'they can refuse: by blocks, and by denies of anyone',
  },
  {
    id: 'TX-43',
    says: 'an existing act is wrapped, never dropped or cut',
    decision: 'whoever acts already leaves it as it is; more than 8 actors or 8 KiB are refused',
  },
  {
    id: 'TX-44',
    says: 'delegation keeps sub and names the actor; impersonation is explicit',
    decision: 'only by a rule that says impersonate, and never where somebody acts already, or where may_act is there',
  },
  {
    id: 'TX-45',
    says: 'may_act is obeyed on every member',
    decision:
      "without iss it means the issuer of its token; members beside iss and sub are compared with the actor's own claims",
  },
  { id: 'TX-46', says: 'may_act is not passed on' },
  { id: 'TX-47', says: 'the scope claim is one text' },
  { id: 'TX-48', says: 'client_id is who asked, as proved; never what the body says' },
  { id: 'TX-49', says: 'introspection gives act as the token holds it' },
  { id: 'TX-50', says: 'a subject that is its own actor is refused' },
  { id: 'TX-51', says: 'served over TLS only' },
];
