// AWS outbound web identity (`sts:GetWebIdentityToken`): an issuer for each account, `sub` the ARN of a role. Roles only: a user or
// the root of an account is a person's, and a session is not who holds it. `request_tags` are what the caller says of itself.

import { ID_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../core/request.ts';
import type { PlatformTable } from './table.ts';

const optional = { type: 'text' } as const;
const required = { type: 'text', required: true } as const;

export const AWS_CLAIMS = 'https://sts.amazonaws.com/';
const ACCOUNT = /^[0-9]{12}$/;

export const AWS: PlatformTable = {
  kind: 'aws',
  issuerForms: [
    {
      form: /^https:\/\/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tokens\.sts\.global\.api\.aws$/,
      says: 'https://UUID.tokens.sts.global.api.aws, the issuer that AWS gave the account',
    },
  ],
  ownIssuer: true,
  algorithms: ['RS256', 'ES384'],
  typ: ['JWT', undefined],
  tokenTypes: [JWT_TOKEN_TYPE, ID_TOKEN_TYPE],
  lifetimeSecondsMax: 3_600,
  replay: 'once',
  claims: {
    account: { ...required, path: [AWS_CLAIMS, 'aws_account'], form: ACCOUNT },
    role: { ...required, path: ['sub'], form: /^arn:aws(?:-[a-z]+)*:iam::[0-9]{12}:role\/[A-Za-z0-9+=,.@_/-]+$/ },
    org_id: { ...optional, path: [AWS_CLAIMS, 'org_id'] },
    ou_path: { type: 'texts', path: [AWS_CLAIMS, 'ou_path'] },
    source_region: { ...optional, path: [AWS_CLAIMS, 'source_region'] },
    lambda_source_function_arn: { ...optional, path: [AWS_CLAIMS, 'lambda_source_function_arn'] },
    ec2_source_instance_arn: { ...optional, path: [AWS_CLAIMS, 'ec2_source_instance_arn'] },
    ec2_instance_source_vpc: { ...optional, path: [AWS_CLAIMS, 'ec2_instance_source_vpc'] },
    ec2_instance_source_private_ipv4: { ...optional, path: [AWS_CLAIMS, 'ec2_instance_source_private_ipv4'] },
    ec2_role_delivery: { ...optional, path: [AWS_CLAIMS, 'ec2_role_delivery'] },
    source_identity: { ...optional, path: [AWS_CLAIMS, 'source_identity'] },
    request_tags: {
      ...optional,
      path: [AWS_CLAIMS, 'request_tags'],
      never: 'is chosen by whoever asks for the token',
    },
  },
  known: [[AWS_CLAIMS]],
  name: 'sub',
  pins: { all: ['account', 'role'], context: [] },
  tight: ['org_id', 'lambda_source_function_arn'],
};
