// What no command of ours ends in a cloud, until when, and the cloud's own command that does: behind every block and revocation, and behind
// a signing key that is revoked. Prints what an operator runs elsewhere; runs none of it.

import type { Cloud, CloudReach } from '../../core/cloud.ts';
import { instant } from './table.ts';

/** Names that one line lists. */
const NAMED_MAX = 3;

const SESSIONS: Readonly<Record<Cloud, string>> = {
  aws: 'sessions of AWS',
  gcp: 'access tokens of Google Cloud',
  azure: 'access tokens of Azure',
};

/** How sessions end that a cloud gave before. AWS denies them by their age; the others' tokens live on, and only what they open can be closed. */
const ends = ({ cloud, principals: [principal = ''] }: CloudReach, nowSeconds: number): string => {
  switch (cloud) {
    case 'aws': {
      const role = principal.slice(principal.lastIndexOf('/') + 1);
      const older = { DateLessThan: { 'aws:TokenIssueTime': instant(nowSeconds) } };
      const statement = { Effect: 'Deny', Action: '*', Resource: '*', Condition: older };
      const policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
      return `aws iam put-role-policy --role-name ${role} --policy-name exchequer-revoked --policy-document '${policy}'`;
    }
    case 'gcp':
      return principal.includes('@') ? `gcloud iam service-accounts disable ${principal}` : DISTRUST.gcp;
    case 'azure':
      return `az ad sp update --id ${principal} --set accountEnabled=false`;
  }
};

/** How a cloud stops trusting our key set before its copy of it has run out. */
const DISTRUST: Readonly<Record<Cloud, string>> = {
  aws: 'aws iam delete-open-id-connect-provider --open-id-connect-provider-arn ARN',
  gcp: 'gcloud iam workload-identity-pools providers update-oidc PROVIDER --workload-identity-pool=POOL --location=global --disabled',
  azure: 'az ad app federated-credential delete --id APP --federated-credential-id NAME',
};

/** Of what was withdrawn: one line for each cloud. */
export const sessionsLeft = (clouds: readonly CloudReach[], nowSeconds: number): readonly string[] =>
  clouds.map((reach) => {
    const until = reach.untilSeconds === undefined ? '' : `, until ${instant(reach.untilSeconds)} at the latest`;
    return `not reached: ${SESSIONS[reach.cloud]} that were given before (${listed(reach)})${until}; to end them: ${ends(reach, nowSeconds)}`;
  });

/** Of a key that was revoked. */
export const trustLeft = (clouds: readonly CloudReach[]): readonly string[] =>
  clouds.map(
    (reach) =>
      `not reached: ${CLOUDS[reach.cloud]} may go on accepting what it signed (${listed(reach)}) until it fetches the set anew; to stop it at once: ${DISTRUST[reach.cloud]}`,
  );

const CLOUDS: Readonly<Record<Cloud, string>> = { aws: 'AWS', gcp: 'Google Cloud', azure: 'Azure' };

const listed = ({ principals }: CloudReach): string => {
  const more = principals.length - NAMED_MAX;
  return principals.slice(0, NAMED_MAX).join(', ') + (more > 0 ? ` and ${more} more` : '');
};
