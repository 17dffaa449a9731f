// CI platforms whose tokens are described by a table: GitHub Actions, GitLab CI/CD, Buildkite, CircleCI, Bitbucket Pipelines, Azure
// DevOps and Forgejo Actions. Beside it stands only what ties a token to the tenant that its issuer names.

import { z } from 'zod';
import type { JsonObject } from '../core/json.ts';
import { AZURE_DEVOPS, AZURE_DEVOPS_AUDIENCE } from '../platforms/azure-devops.ts';
import { BITBUCKET } from '../platforms/bitbucket.ts';
import { BUILDKITE, BUILDKITE_ISSUER } from '../platforms/buildkite.ts';
import { CIRCLECI } from '../platforms/circleci.ts';
import { FORGEJO } from '../platforms/forgejo.ts';
import { GITHUB, GITHUB_ISSUER } from '../platforms/github.ts';
import { GITLAB, GITLAB_ISSUER } from '../platforms/gitlab.ts';
import { fieldValue } from '../platforms/table.ts';
import { keyOptions, oneOrigin } from './key-options.ts';
import { issuedBy, issuedByDefault, issuedByOne, platformIssuer, platformKind } from './platform-kind.ts';

const githubOptions = z
  .object({
    issuer: platformIssuer(GITHUB).optional(),
    enterprise: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9_-]*$/, { error: 'must be the slug of an enterprise on github.com' })
      .optional()
      .describe('The enterprise whose own issuer tokens bear: its slug.'),
    ...keyOptions,
  })
  .superRefine((chosen, context) => {
    if (chosen.issuer !== undefined && chosen.enterprise !== undefined)
      context.addIssue({
        code: 'custom',
        path: ['enterprise'],
        message: 'stands beside `issuer`: it is for enterprises on github.com, whose issuer it makes',
      });
    oneOrigin(chosen, context);
  });

export const github = platformKind({
  table: GITHUB,
  options: githubOptions,
  read: ({ issuer, enterprise, ...keys }) => ({
    issuer: issuer ?? (enterprise === undefined ? GITHUB_ISSUER : `${GITHUB_ISSUER}/${enterprise}`),
    keys,
  }),
});

export const gitlab = platformKind({
  table: GITLAB,
  options: issuedByDefault(GITLAB),
  read: ({ issuer = GITLAB_ISSUER, ...keys }) => ({ issuer, keys }),
});

export const buildkite = platformKind({
  table: BUILDKITE,
  options: issuedByOne,
  read: (keys) => ({ issuer: BUILDKITE_ISSUER, keys }),
  readClaims: withoutTagAsBranch,
});

/** Of a tag's build Buildkite writes the tag as its branch too: whoever may push a tag would be every branch. */
function withoutTagAsBranch(claims: JsonObject): JsonObject {
  const { build_branch, ...others } = claims;
  const isTag = typeof build_branch === 'string' && build_branch !== '' && build_branch === claims.build_tag;
  return isTag ? Object.assign(Object.create(null), others) : claims;
}

export const circleci = platformKind({
  table: CIRCLECI,
  options: issuedBy(CIRCLECI),
  read: ({ issuer, ...keys }) => ({ issuer, keys }),
  ownProblem(claims, issuer) {
    const [, organization] = /\/org\/([^/]+)$/.exec(issuer) ?? [];
    const same = organization === undefined || fieldValue(CIRCLECI, 'org-id', claims) === organization;
    return same ? undefined : { reason: 'claim_invalid', claim: 'org-id' };
  },
});

export const bitbucket = platformKind({
  table: BITBUCKET,
  options: issuedBy(BITBUCKET),
  read: ({ issuer, ...keys }) => ({ issuer, keys }),
});

export const azureDevops = platformKind({
  table: AZURE_DEVOPS,
  options: issuedBy(AZURE_DEVOPS),
  read: ({ issuer, ...keys }) => ({ issuer, audience: AZURE_DEVOPS_AUDIENCE, keys }),
  ownProblem: (claims, issuer) =>
    issuer.endsWith(`/${claims.org_id}`) ? undefined : { reason: 'claim_invalid', claim: 'org_id' },
});

export const forgejo = platformKind({
  table: FORGEJO,
  options: issuedBy(FORGEJO),
  read: ({ issuer, ...keys }) => ({ issuer, keys }),
});
