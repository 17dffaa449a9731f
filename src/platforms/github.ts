// GitHub Actions OIDC tokens. `sub` has two forms, can be customised by repository admins, and follows renames: it is recorded
// and decides nothing. The identity is the immutable `repository_id` and the context that GitHub itself puts first:
// environment, else pull request, else ref. Jobs mint a token on demand, so each is spent once. Enterprises have an issuer of
// their own on github.com, on ghe.com and on GitHub Enterprise Server.

import { ID_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../core/request.ts';
import type { PlatformTable } from './table.ts';

const optional = { type: 'text' } as const;

/** Of github.com. Enterprises have it with their slug behind it, and instances their own. */
export const GITHUB_ISSUER = 'https://token.actions.githubusercontent.com';

export const GITHUB: PlatformTable = {
  kind: 'github',
  issuer: GITHUB_ISSUER,
  issuerForms: [
    {
      host: /^(?:.*\.)?githubusercontent\.com$/,
      form: /^https:\/\/token\.actions\.githubusercontent\.com(?:\/[A-Za-z0-9][A-Za-z0-9_-]*)?$/,
      says: 'https://token.actions.githubusercontent.com, alone or with the slug of an enterprise',
    },
    {
      host: /^(?:.*\.)?ghe\.com$/,
      form: /^https:\/\/token\.actions\.[a-z0-9-]+\.ghe\.com$/,
      says: 'https://token.actions.SUBDOMAIN.ghe.com on ghe.com',
    },
    {
      form: /^https:\/\/[^/]+\/_services\/token$/,
      says: 'https://HOST/_services/token on GitHub Enterprise Server',
    },
  ],
  algorithms: ['RS256'],
  typ: ['JWT', undefined],
  tokenTypes: [JWT_TOKEN_TYPE, ID_TOKEN_TYPE],
  lifetimeSecondsMax: 900,
  replay: 'once',
  shared: {
    issuers: [GITHUB_ISSUER],
    tenancy: ['repository_owner_id', 'repository_id', 'enterprise_id'],
  },
  claims: {
    repository: { type: 'text', required: true, ignoreCase: true },
    repository_id: { type: 'text', required: true },
    repository_owner: { type: 'text', required: true, ignoreCase: true },
    repository_owner_id: { type: 'text', required: true },
    // Runs that an outsider can start in the base repository's name look like a push to the default branch otherwise.
    event_name: {
      type: 'text',
      required: true,
      forbidden: ['pull_request_target', 'workflow_run', 'issue_comment'],
    },
    // Empty where a deployment names a commit; such a token still has its environment, and without that it has no name.
    ref: optional,
    ref_type: optional,
    ref_protected: optional,
    environment: { type: 'text', ignoreCase: true },
    environment_node_id: optional,
    sha: optional,
    head_ref: optional,
    base_ref: optional,
    workflow: optional,
    workflow_ref: optional,
    workflow_sha: optional,
    job_workflow_ref: optional,
    job_workflow_sha: optional,
    runner_environment: optional,
    repository_visibility: optional,
    enterprise: { type: 'text', ignoreCase: true },
    enterprise_id: optional,
    actor: { type: 'text', ignoreCase: true },
    actor_id: optional,
    run_id: optional,
    run_number: optional,
    run_attempt: optional,
    check_run_id: optional,
    sub: optional,
  },
  // Custom properties of the repository, which owners choose to add.
  known: [['repo_property_*'], ['issuer_scope']],
  name: [
    [{ field: 'repository_id' }],
    [{ field: 'environment' }, { word: 'pull_request', where: 'event_name', equals: 'pull_request' }, { field: 'ref' }],
  ],
  pins: {
    all: ['repository_id', 'repository_owner_id'],
    context: [{ field: 'environment' }, { field: 'ref' }, { field: 'event_name', equals: 'pull_request' }],
  },
  tight: ['event_name', 'ref', 'job_workflow_ref', 'runner_environment'],
};
