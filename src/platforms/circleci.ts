// CircleCI OIDC tokens. `sub` names the person who caused the job and has two shapes: it is recorded and decides nothing. The
// identity is the project with the repository and ref that it runs, because a fork's build runs in the project too; a pipeline
// without a repository is named by its definition. Tokens stand in every job's environment and are read again.

import { ID_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../core/request.ts';
import type { PlatformTable } from './table.ts';

const optional = { type: 'text' } as const;
const required = { type: 'text', required: true } as const;

const CLAIM = 'oidc.circleci.com/';

export const CIRCLECI: PlatformTable = {
  kind: 'circleci',
  issuerForms: [
    {
      host: /^oidc\.circleci\.com$/,
      form: /^https:\/\/oidc\.circleci\.com(?:\/org\/[0-9a-f-]{36})?$/,
      says: 'https://oidc.circleci.com/org/ and the id of the organization, or https://oidc.circleci.com for tokens made with --root-issuer',
    },
  ],
  ownIssuer: true,
  algorithms: ['RS256'],
  typ: ['JWT', undefined],
  tokenTypes: [JWT_TOKEN_TYPE, ID_TOKEN_TYPE],
  lifetimeSecondsMax: 3_600,
  replay: 'reusable',
  jtiOptional: true,
  shared: { issuers: ['https://oidc.circleci.com'], tenancy: ['org-id', 'project-id'] },
  claims: {
    'org-id': { ...required, path: [`${CLAIM}org-id`] },
    'project-id': { ...required, path: [`${CLAIM}project-id`] },
    'pipeline-definition-id': { ...optional, path: [`${CLAIM}pipeline-definition-id`] },
    // Contexts that only some people may use: what a person had to open for the job.
    'context-ids': { type: 'texts', path: [`${CLAIM}context-ids`] },
    'vcs-origin': { ...optional, path: [`${CLAIM}vcs-origin`] },
    'vcs-ref': { ...optional, path: [`${CLAIM}vcs-ref`] },
    // A person has a shell beside this token.
    'ssh-rerun': { type: 'boolean', path: [`${CLAIM}ssh-rerun`], forbidden: [true] },
    'pipeline-id': { ...optional, path: [`${CLAIM}pipeline-id`] },
    'workflow-id': { ...optional, path: [`${CLAIM}workflow-id`] },
    'job-id': { ...optional, path: [`${CLAIM}job-id`] },
    sub: optional,
  },
  name: [[{ field: 'project-id' }], [{ fields: ['vcs-origin', 'vcs-ref'] }, { field: 'pipeline-definition-id' }]],
  pins: {
    all: ['org-id', 'project-id'],
    context: [{ field: 'vcs-ref' }, { field: 'context-ids' }],
  },
  tight: ['vcs-origin', 'vcs-ref', 'pipeline-definition-id', 'ssh-rerun'],
};
