// What an operator is told of clouds when somebody is stopped here: what goes on there, until when, and the command that ends it.

import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { sessionsLeft, trustLeft } from '../../../src/adapters/cli/cloud-reach.ts';

const AT = 1_800_000_000;
const ROLES = ['shop', 'payments/api', 'lake', 'deploy', 'audit'].map(
  (name) => `arn:aws:iam::111122223333:role/${name}`,
);
const AWS = { cloud: 'aws', principals: ROLES, untilSeconds: AT + 3_600 } as const;

describe('sessions that clouds gave before', () => {
  it('are named with their end, some of them and how many more', () => {
    const [line = ''] = sessionsLeft([AWS], AT);
    expect(line).toContain(
      'role/shop, arn:aws:iam::111122223333:role/payments/api, arn:aws:iam::111122223333:role/lake and 2 more',
    );
    expect(line).toContain('until 2027-01-15T09:00:00Z at the latest');
  });

  it('of AWS end by a policy that denies them by their age, which a shell passes on whole', () => {
    const [line = ''] = sessionsLeft([{ ...AWS, principals: ROLES.slice(1) }], AT);
    const command = line.slice(line.indexOf('aws iam'));
    const words = execFileSync('/bin/sh', ['-c', `aws() { printf '%s\\0' "$@"; }; ${command}`], { encoding: 'utf8' });
    const [, , , role, , , , policy = ''] = words.split('\0');
    expect(role).toBe('api');
    expect(JSON.parse(policy)).toEqual({
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Deny',
          Action: '*',
          Resource: '*',
          Condition: { DateLessThan: { 'aws:TokenIssueTime': '2027-01-15T08:00:00Z' } },
        },
      ],
    });
  });

  it.each([
    [
      'gcp',
      'lake@example-data.iam.gserviceaccount.com',
      'gcloud iam service-accounts disable lake@example-data.iam.gserviceaccount.com',
    ],
    [
      'gcp',
      'lake',
      'workload-identity-pools providers update-oidc PROVIDER --workload-identity-pool=POOL --location=global --disabled',
    ],
    [
      'azure',
      '66666666-7777-4888-8999-aaaaaaaaaaaa',
      'az ad sp update --id 66666666-7777-4888-8999-aaaaaaaaaaaa --set accountEnabled=false',
    ],
  ] as const)('of %s end with what they open: %s', (cloud, principal, command) => {
    const [line = ''] = sessionsLeft([{ cloud, principals: [principal], untilSeconds: undefined }], AT);
    expect(line.endsWith(command)).toBe(true);
    expect(line).not.toContain('until');
  });
});

it('a key that is revoked may go on being trusted by every cloud that fetched it', () => {
  expect(trustLeft([AWS])[0]).toContain('AWS may go on accepting what it signed');
  expect(trustLeft([])).toEqual([]);
});
