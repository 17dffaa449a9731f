// CI platforms whose tokens are described by a table: GitHub Actions and GitLab CI/CD. The table does the work; the operator may
// say another issuer (an enterprise slug, GitHub Enterprise Server, a GitLab instance).

import { z } from 'zod';
import { GITHUB } from '../platforms/github.ts';
import { GITLAB } from '../platforms/gitlab.ts';
import type { PlatformTable } from '../platforms/table.ts';
import { createJwtVerifier } from './jwt.ts';
import { issuerUrl, keyOptions, keyOriginOf, keysArePrivate, oneOrigin } from './key-options.ts';
import type { SourceKind } from './kind.ts';

const options = z.object({ issuer: issuerUrl.optional(), ...keyOptions }).superRefine(oneOrigin);

function ciPlatform(table: PlatformTable & { readonly issuer: string }): SourceKind<typeof options> {
  const issuerOf = (chosen: z.infer<typeof options>) => chosen.issuer ?? table.issuer;
  return Object.freeze({
    kind: table.kind,
    table,
    options,
    issuer: issuerOf,
    subjects: () => 'workloads' as const,
    pins: () => [],
    keyOrigin: (chosen: z.infer<typeof options>) => keyOriginOf(issuerOf(chosen), chosen),
    create(settings, chosen, { keys }) {
      const tenancy = table.shared?.tenancy.some((claim) => Object.hasOwn(settings.require, claim)) ?? false;
      return createJwtVerifier({
        settings,
        table,
        keys,
        issuer: issuerOf(chosen),
        responsibility: { issuer: issuerOf(chosen), audience: settings.audience },
        tokenTypes: table.tokenTypes,
        tell: tenancy || keysArePrivate(chosen) ? 'caller' : 'operator',
        presenter: 'self',
      });
    },
  } satisfies SourceKind<typeof options>);
}

export const github = ciPlatform({ ...GITHUB, issuer: 'https://token.actions.githubusercontent.com' });
export const gitlab = ciPlatform({ ...GITLAB, issuer: 'https://gitlab.com' });
