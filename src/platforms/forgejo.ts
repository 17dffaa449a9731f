// Forgejo Actions OIDC tokens, Codeberg's among them. Some versions join names and ids in `sub` with a hyphen, so that a name can
// be made to look like another's id: `sub` is recorded and decides nothing. A version that puts no ids into its tokens
// proves nothing. The workflow file itself turns tokens on, so what an outsider can start is refused as on GitHub.

import { ID_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../core/request.ts';
import type { PlatformTable } from './table.ts';

const optional = { type: 'text' } as const;
const required = { type: 'text', required: true } as const;

export const FORGEJO: PlatformTable = {
  kind: 'forgejo',
  issuerForms: [{ form: /^https:\/\/.+\/api\/actions$/, says: 'https://HOST/api/actions' }],
  algorithms: ['RS256'],
  typ: ['JWT', undefined],
  tokenTypes: [JWT_TOKEN_TYPE, ID_TOKEN_TYPE],
  lifetimeSecondsMax: 3_600,
  replay: 'once',
  jtiOptional: true,
  shared: {
    issuers: ['https://codeberg.org/api/actions'],
    tenancy: ['repository_owner_id', 'repository_id'],
  },
  claims: {
    repository: { ...required, ignoreCase: true },
    repository_id: required,
    repository_owner: { ...required, ignoreCase: true },
    repository_owner_id: required,
    event_name: {
      ...required,
      forbidden: ['pull_request_target', 'workflow_run', 'issue_comment', 'pull_request_comment'],
    },
    ref: optional,
    ref_type: optional,
    ref_protected: optional,
    sha: optional,
    head_ref: optional,
    base_ref: optional,
    workflow: optional,
    workflow_ref: optional,
    actor: { ...optional, ignoreCase: true },
    actor_id: optional,
    run_id: optional,
    run_number: optional,
    run_attempt: optional,
    sub: optional,
  },
  name: [
    [{ field: 'repository_id' }],
    [{ word: 'pull_request', where: 'event_name', equals: 'pull_request' }, { field: 'ref' }],
  ],
  pins: {
    all: ['repository_id', 'repository_owner_id'],
    context: [{ field: 'ref' }, { field: 'event_name', equals: 'pull_request' }],
  },
  tight: ['event_name', 'ref', 'workflow_ref'],
};
