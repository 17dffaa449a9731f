// AWS roles that prove themselves by a signed request to `sts:GetCallerIdentity`, without a JWT. What STS answers becomes claims: the
// account, the role and its id, which is never used again, whereas a role of that name can be made anew. Whoever assumes a role
// chooses the session's name.

import { AWS_REQUEST_TOKEN_TYPE } from '../core/request.ts';
import type { PlatformTable } from './table.ts';

const required = { type: 'text', required: true } as const;

/** Who says so, as the issuer of principals. It issues no tokens. */
export const AWS_STS_ISSUER = 'https://sts.amazonaws.com';

export const AWS_CALLER_IDENTITY: PlatformTable = {
  kind: 'aws-caller-identity',
  issuer: AWS_STS_ISSUER,
  algorithms: [],
  typ: [],
  tokenTypes: [AWS_REQUEST_TOKEN_TYPE],
  lifetimeSecondsMax: 900,
  replay: 'once-per-target',
  // STS answers everybody: without accounts in `require` all customers of AWS would have a name here.
  shared: { issuers: [AWS_STS_ISSUER], tenancy: ['account'] },
  claims: {
    account: { ...required, form: /^[0-9]{12}$/ },
    role: { ...required, form: /^[A-Za-z0-9+=,.@_-]{1,64}$/ },
    role_id: { ...required, form: /^AROA[A-Z0-9]{12,124}$/ },
    arn: required,
    session: required,
    partition: required,
    sub: required,
  },
  name: [[{ field: 'account' }], [{ field: 'role_id' }]],
  pins: { all: ['account', 'role'], context: [] },
  tight: ['role_id'],
};

/** Roles that IAM Identity Center makes for people. */
export const isRoleOfPeople = (role: string): boolean => /^AWSReservedSSO_/.test(role);
