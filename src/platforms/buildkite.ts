// Buildkite OIDC tokens. One issuer signs for every organization, and the job itself chooses what `sub` is: it is recorded and
// decides nothing. The ids are in a token only where the job asks for them (`--claim organization_id,pipeline_id`); one without
// them proves nothing. Jobs mint tokens on demand, some without `jti`.

import { ID_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../core/request.ts';
import type { PlatformTable } from './table.ts';

const optional = { type: 'text' } as const;
const required = { type: 'text', required: true } as const;

export const BUILDKITE_ISSUER = 'https://agent.buildkite.com';

export const BUILDKITE: PlatformTable = {
  kind: 'buildkite',
  issuer: BUILDKITE_ISSUER,
  algorithms: ['RS256'],
  typ: ['JWT', undefined],
  tokenTypes: [JWT_TOKEN_TYPE, ID_TOKEN_TYPE],
  // Five minutes, unless the job says `--lifetime`: what is longer was made to be kept.
  lifetimeSecondsMax: 600,
  replay: 'once',
  jtiOptional: true,
  shared: { issuers: [BUILDKITE_ISSUER], tenancy: ['organization_id', 'pipeline_id'] },
  claims: {
    organization_id: required,
    pipeline_id: required,
    organization_slug: optional,
    pipeline_slug: optional,
    // Of a fork's build: `user:branch`, where the pipeline says so.
    build_branch: optional,
    build_tag: optional,
    build_source: optional,
    build_number: { type: 'number' },
    build_commit: optional,
    build_id: optional,
    step_key: optional,
    job_id: optional,
    agent_id: optional,
    runner_environment: optional,
    cluster_id: optional,
    cluster_name: optional,
    queue_id: optional,
    queue_key: optional,
    sub: optional,
  },
  // Whoever runs an agent names its tags.
  known: [['agent_tag:*'], ['https://aws.amazon.com/tags']],
  name: [[{ field: 'pipeline_id' }], [{ field: 'build_tag' }, { field: 'build_branch' }]],
  pins: {
    all: ['organization_id', 'pipeline_id'],
    context: [{ field: 'build_branch' }, { field: 'build_tag' }],
  },
  tight: ['build_source', 'step_key', 'cluster_id', 'queue_id', 'runner_environment'],
};
