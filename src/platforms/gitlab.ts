// GitLab CI/CD ID tokens. `sub` can be customised by maintainers: the identity is the immutable `project_id` and `ref_path`,
// which, other than `ref`, tells a branch from a tag. A job gets one token for each declared audience and cannot mint another,
// so a token is spent once for each target. The same issuer signs people's logins; those have no `project_id`.

import { ID_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../core/request.ts';
import type { PlatformTable } from './table.ts';

const optional = { type: 'text' } as const;

export const GITLAB_ISSUER = 'https://gitlab.com';

export const GITLAB: PlatformTable = {
  kind: 'gitlab',
  issuer: GITLAB_ISSUER,
  algorithms: ['RS256'],
  typ: ['JWT', undefined],
  tokenTypes: [JWT_TOKEN_TYPE, ID_TOKEN_TYPE],
  // A token lives as long as its job may: an hour unless the job's `timeout` says more. GitLab's own runners stop at three hours,
  // others run nightly jobs for longer. A project can say a month: that is refused. `maxAge` is how an operator narrows it.
  lifetimeSecondsMax: 90_000,
  replay: 'once-per-target',
  shared: { issuers: [GITLAB_ISSUER], tenancy: ['namespace_id', 'project_id'] },
  claims: {
    project_id: { type: 'text', required: true },
    project_path: { type: 'text', required: true, ignoreCase: true },
    namespace_id: { type: 'text', required: true },
    namespace_path: { type: 'text', required: true, ignoreCase: true },
    ref_path: { type: 'text', required: true },
    job_id: { type: 'text', required: true },
    ref: optional,
    ref_type: optional,
    ref_protected: optional,
    pipeline_source: optional,
    pipeline_id: optional,
    environment: optional,
    environment_protected: optional,
    environment_action: optional,
    deployment_tier: optional,
    job_project_id: optional,
    job_project_path: { type: 'text', ignoreCase: true },
    job_namespace_id: optional,
    job_namespace_path: { type: 'text', ignoreCase: true },
    user_id: optional,
    user_login: { type: 'text', ignoreCase: true },
    user_email: optional,
    user_access_level: optional,
    groups_direct: { type: 'texts' },
    runner_id: { type: 'number' },
    runner_environment: optional,
    sha: optional,
    project_visibility: optional,
    ci_config_ref_uri: optional,
    ci_config_sha: optional,
    sub: optional,
  },
  known: [['user_identities'], ['job_source'], ['job_config'], ['target_audience']],
  name: [[{ field: 'project_id' }], [{ field: 'ref_path' }]],
  pins: {
    all: ['project_id', 'namespace_id'],
    context: [{ field: 'ref_path' }, { field: 'environment' }],
  },
  tight: ['ref_path', 'ref_protected', 'job_project_id', 'pipeline_source', 'environment', 'environment_protected'],
};
