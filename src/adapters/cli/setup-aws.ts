// The trust side of AWS for targets: the identity provider of an account, and for every role the policy that says whose assertions it is
// assumed with, by audience and subject, byte for byte (CA-03). No thumbprints: AWS judges our certificate by its own authorities (CA-01).

import type { AwsTrust } from '../../core/cloud-trust.ts';
import type { JsonObject } from '../../core/json.ts';
import {
  AWS_ROLE_SECONDS_MIN,
  AWS_SUBJECT_CHARACTERS_MAX,
  AWS_SUBJECT_CHARACTERS_MIN,
} from '../../core/limits-cloud.ts';
import { type HclBlock, type HclValue, hclValue } from './setup-hcl.ts';
import { labelOf } from './setup-label.ts';
import { shellCommand } from './setup-shell.ts';
import type { FoundTrust, Printed } from './setup-tools.ts';

type Found = FoundTrust<AwsTrust>;

/** One role, and every trust that comes to it. */
interface Role {
  readonly arn: string;
  readonly account: string;
  readonly partition: string;
  /** With a slash at both ends. */
  readonly path: string;
  readonly name: string;
  /** In Terraform. */
  readonly label: string;
  readonly found: readonly [Found, ...Found[]];
}

export function printAws(issuer: string, found: readonly Found[]): Printed {
  const roles = rolesOf(found);
  const accounts = [...new Set(roles.map(accountOf))];
  const several = accounts.length > 1;
  return {
    terraform: accounts.flatMap((account) => accountBlocks(issuer, roles.filter(ofAccount(account)), several)),
    cli: accounts.flatMap((account, index) => [
      ...(index === 0 ? [] : ['']),
      ...accountCommands(issuer, roles.filter(ofAccount(account))),
    ]),
    json: {
      provider: { url: issuer, clientIds: audiencesOf(roles) },
      roles: roles.map((role) => ({ role: role.arn, trustPolicy: trustPolicy(issuer, role) })),
    },
    problems: [...issuerProblems(issuer), ...found.flatMap(problemsOf)],
    remarks: [
      ...(several
        ? [
            `the roles are in ${accounts.length} accounts: each needs a provider of Terraform with the alias that is named`,
          ]
        : []),
      'an account has one identity provider for an issuer: name all targets of the account in one call, or add the audience to what is there',
      ...new Set(found.flatMap(({ trust }) => trust.tags.map((tag) => `policies can say aws:PrincipalTag/${tag}`))),
    ],
  };
}

/** The same number is another account in another partition. */
const accountOf = ({ partition, account }: Role): string => `${partition}:${account}`;

const ofAccount =
  (account: string) =>
  (role: Role): boolean =>
    accountOf(role) === account;

function rolesOf(found: readonly Found[]): readonly Role[] {
  const roles = new Map<string, Role>();
  const labels = new Set<string>();
  for (const one of found) {
    const { role: arn } = one.trust;
    const before = roles.get(arn);
    if (before) {
      roles.set(arn, { ...before, found: [...before.found, one] });
      continue;
    }
    const [, partition = '', , , account = '', resource = ''] = arn.split(':');
    const whole = resource.slice('role'.length);
    const end = whole.lastIndexOf('/') + 1;
    const label = labelOf([one.target, ...Object.values(one.parameters)].join('_'), labels);
    roles.set(arn, { arn, partition, account, path: whole.slice(0, end), name: whole.slice(end), label, found: [one] });
  }
  return [...roles.values()];
}

const audiencesOf = (roles: readonly Role[]): string[] => [
  ...new Set(roles.flatMap(({ found }) => found.map(({ trust }) => trust.audience))),
];

const withoutScheme = (issuer: string): string => issuer.replace(/^https:\/\//, '');

const providerArn = (issuer: string, { partition, account }: Role): string =>
  `arn:${partition}:iam::${account}:oidc-provider/${withoutScheme(issuer)}`;

/** A statement for each target that comes to the role. */
function trustPolicy(issuer: string, role: Role): JsonObject {
  const key = withoutScheme(issuer);
  return {
    Version: '2012-10-17',
    Statement: role.found.map(({ trust: { audience, subject, tags, sourceIdentity } }) => ({
      Effect: 'Allow',
      Principal: { Federated: providerArn(issuer, role) },
      Action: [
        'sts:AssumeRoleWithWebIdentity',
        ...(tags.length > 0 ? ['sts:TagSession'] : []),
        ...(sourceIdentity ? ['sts:SetSourceIdentity'] : []),
      ],
      Condition: { StringEquals: { [`${key}:aud`]: literal(audience), [`${key}:sub`]: literal(subject) } },
    })),
  };
}

/** `${...}` is a variable in a policy; `${$}` is a dollar. */
const literal = (text: string): string => text.replace(/\$(?=\{)/g, () => `\${$}`);

function accountBlocks(issuer: string, roles: readonly Role[], several: boolean): readonly HclBlock[] {
  const [first] = roles;
  if (!first) return [];
  const suffix = several ? `_${accountOf(first).replace(/[^a-z0-9]/g, '_')}` : '';
  const where: { provider?: HclValue } = several ? { provider: { reference: `aws.account${suffix}` } } : {};
  const provider: HclBlock = {
    type: 'resource',
    labels: ['aws_iam_openid_connect_provider', `exchequer${suffix}`],
    says: [`Account ${first.account} trusts the broker for these audiences.`],
    attributes: { ...where, url: issuer, client_id_list: audiencesOf(roles) },
  };
  const federated = `aws_iam_openid_connect_provider.exchequer${suffix}.arn`;
  return [
    provider,
    ...roles.map((role): HclBlock => {
      const { name, path, label, found } = role;
      return {
        type: 'resource',
        labels: ['aws_iam_role', label],
        says: [`What target ${found[0].target} asks for. What it may do is attached to it elsewhere.`],
        attributes: {
          ...where,
          name,
          path,
          max_session_duration: sessionSeconds(role),
          assume_role_policy: {
            json: hclValue(trustPolicy(issuer, role), new Map([[providerArn(issuer, role), federated]])),
          },
        },
      };
    }),
  ];
}

const sessionSeconds = ({ found }: Role): number =>
  Math.max(AWS_ROLE_SECONDS_MIN, ...found.map(({ trust }) => trust.secondsMax));

function accountCommands(issuer: string, roles: readonly Role[]): readonly string[] {
  const [first] = roles;
  if (!first) return [];
  return [
    `# Account ${first.account}: it trusts the broker for these audiences.`,
    ...shellCommand('aws iam create-open-id-connect-provider', [
      ['--url', issuer],
      ['--client-id-list', ...audiencesOf(roles)],
    ]),
    ...roles.flatMap((role) => [
      '',
      `# What target ${role.found[0].target} asks for; where the role is there: aws iam update-assume-role-policy, update-role.`,
      ...shellCommand('aws iam create-role', [
        ['--role-name', role.name],
        ['--path', role.path],
        ['--max-session-duration', String(sessionSeconds(role))],
        ['--assume-role-policy-document', JSON.stringify(trustPolicy(issuer, role))],
      ]),
    ]),
  ];
}

/** Why AWS takes no such issuer (CA-01). */
export function issuerProblems(issuer: string): readonly string[] {
  const { port } = new URL(issuer);
  return [
    ...(port === '' ? [] : [`AWS takes no issuer with a port: ${issuer}`]),
    ...(issuer.endsWith('/') ? [`AWS drops the slash at the end of ${issuer}, and then no token has its issuer`] : []),
  ];
}

const ROLE = /^role\/[\w+=,.@/-]+$/;

/** CA-04, and what a role may be called. */
function problemsOf({ target, trust: { role, subject, audience } }: Found): readonly string[] {
  const [, , , , account = '', resource = ''] = role.split(':');
  const name = resource.slice(resource.lastIndexOf('/') + 1);
  const isRole = /^[0-9]{12}$/.test(account) && ROLE.test(resource) && name.length >= 1 && name.length <= 64;
  const fits = subject.length >= AWS_SUBJECT_CHARACTERS_MIN && subject.length <= AWS_SUBJECT_CHARACTERS_MAX;
  return [
    ...(isRole ? [] : [`${target}: ${role} is no role of AWS`]),
    ...(fits
      ? []
      : [
          `${target}: AWS takes a subject of ${AWS_SUBJECT_CHARACTERS_MIN} to ${AWS_SUBJECT_CHARACTERS_MAX} characters, this has ${subject.length}`,
        ]),
    ...(audience.length <= 255
      ? []
      : [`${target}: AWS takes an audience of 255 characters, this has ${audience.length}`]),
  ];
}
