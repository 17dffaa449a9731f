// Google service accounts. The same issuer signs the logins of every person and every client of Google: what tells them apart is the
// numeric `sub`, which is never used again, beside the address of a service account. An address alone can be made again.

import { ID_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../core/request.ts';
import type { PlatformTable } from './table.ts';

const optional = { type: 'text' } as const;
const required = { type: 'text', required: true } as const;

export const GOOGLE_ISSUER = 'https://accounts.google.com';

export const GOOGLE: PlatformTable = {
  kind: 'google',
  issuer: GOOGLE_ISSUER,
  algorithms: ['RS256'],
  typ: ['JWT', undefined],
  tokenTypes: [JWT_TOKEN_TYPE, ID_TOKEN_TYPE],
  lifetimeSecondsMax: 3_600,
  replay: 'reusable',
  jtiOptional: true,
  // No tenancy in `require`: every rule pins one account by its number, and the number is the tenancy.
  claims: {
    sub: { ...required, form: /^[0-9]{6,30}$/ },
    // People have addresses of other domains, and none of theirs ends so.
    email: { ...required, form: /^[^@]+@(?:[a-z0-9-]+\.)*gserviceaccount\.com$/ },
    email_verified: { type: 'boolean', required: true, equals: true },
    project_id: { ...optional, path: ['google', 'compute_engine', 'project_id'] },
    project_number: { type: 'number', path: ['google', 'compute_engine', 'project_number'] },
    instance_id: { ...optional, path: ['google', 'compute_engine', 'instance_id'] },
    instance_name: { ...optional, path: ['google', 'compute_engine', 'instance_name'] },
    zone: { ...optional, path: ['google', 'compute_engine', 'zone'] },
  },
  known: [['google'], ['hd']],
  name: 'sub',
  pins: { all: ['sub', 'email'], context: [] },
  tight: ['project_number'],
};
