// Bitbucket Pipelines OIDC tokens. `sub` ends in the step's id, another for each run: it is recorded and decides nothing. Nothing
// in a token tells a pull request from a push; a deployment environment is what a workspace can protect. A step has one token.

import { ID_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../core/request.ts';
import type { PlatformTable } from './table.ts';

const optional = { type: 'text' } as const;
const required = { type: 'text', required: true } as const;

export const BITBUCKET: PlatformTable = {
  kind: 'bitbucket',
  issuerForms: [
    {
      form: /^https:\/\/api\.bitbucket\.org\/2\.0\/workspaces\/[A-Za-z0-9_.-]+\/pipelines-config\/identity\/oidc$/,
      says: 'https://api.bitbucket.org/2.0/workspaces/WORKSPACE/pipelines-config/identity/oidc',
    },
  ],
  algorithms: ['RS256'],
  typ: ['JWT', undefined],
  tokenTypes: [JWT_TOKEN_TYPE, ID_TOKEN_TYPE],
  lifetimeSecondsMax: 7_200,
  replay: 'reusable',
  jtiOptional: true,
  // Ids are written as Bitbucket writes them, with braces.
  claims: {
    workspaceUuid: required,
    repositoryUuid: required,
    deploymentEnvironmentUuid: optional,
    branchName: optional,
    pipelineUuid: optional,
    pipelineRunUuid: optional,
    stepUuid: optional,
    commitSha: optional,
    accountUuid: optional,
    sub: optional,
  },
  name: [[{ field: 'repositoryUuid' }], [{ field: 'deploymentEnvironmentUuid' }, { field: 'branchName' }]],
  pins: {
    all: ['workspaceUuid', 'repositoryUuid'],
    context: [{ field: 'deploymentEnvironmentUuid' }, { field: 'branchName' }],
  },
  tight: ['deploymentEnvironmentUuid', 'branchName'],
};
