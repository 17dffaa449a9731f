// Every kind of trust source and of target that there is: what configuration's schema, the composition and the tests are made from.
// Adding a kind is its own file, and a line here.

import type { SourceConfig, TargetConfig } from './config/config.ts';
import { tokenTarget } from './issuers/access-token.ts';
import { awsTarget } from './issuers/aws.ts';
import { azureTarget } from './issuers/azure.ts';
import { gcpTarget } from './issuers/gcp.ts';
import type { TargetKind } from './issuers/kind.ts';
import { awsCallerIdentity } from './verifiers/aws-caller-identity.ts';
import { azureDevops, bitbucket, buildkite, circleci, forgejo, github, gitlab } from './verifiers/ci-platform.ts';
import { clientOptions } from './verifiers/client-options.ts';
import { aws, entra, google } from './verifiers/cloud-platform.ts';
import { fly, hcpTerraform, spacelift, vercel } from './verifiers/deploy-platform.ts';
import { spiffe } from './verifiers/jwt-svid.ts';
import type { SourceKind } from './verifiers/kind.ts';
import { kubernetes } from './verifiers/kubernetes.ts';
import { oidc } from './verifiers/oidc.ts';
import { self } from './verifiers/own-token.ts';

export const TRUST_KINDS: readonly SourceKind[] = [
  oidc,
  github,
  gitlab,
  kubernetes,
  spiffe,
  buildkite,
  circleci,
  bitbucket,
  azureDevops,
  forgejo,
  hcpTerraform,
  spacelift,
  vercel,
  fly,
  google,
  aws,
  entra,
  awsCallerIdentity,
  self,
];
const TARGET_KINDS: readonly TargetKind[] = [tokenTarget, awsTarget, gcpTarget, azureTarget];
export const KINDS = { trust: TRUST_KINDS, client: { options: clientOptions }, targets: TARGET_KINDS };

/** The kind of a target that configuration let pass. */
export function targetKindOf(target: TargetConfig): TargetKind {
  const found = TARGET_KINDS.find(({ kind }) => kind === target.kind);
  if (!found) throw new Error('configuration let a kind pass that does not exist');
  return found;
}

/** The kind of a source that configuration let pass. */
export const kindOf = (source: Pick<SourceConfig, 'kind'>): SourceKind => {
  const found = TRUST_KINDS.find(({ kind }) => kind === source.kind);
  if (!found) throw new Error('configuration let a kind pass that does not exist');
  return found;
};

/** The table of a kind that configuration let pass. */
export const tableOf = (kind: string) => kindOf({ kind }).table;
