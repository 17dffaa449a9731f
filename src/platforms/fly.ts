// Fly.io OIDC tokens of Machines. `sub` names the organization, the app and the Machine, and a new Machine has another name: the
// ids of organization and app decide. Any process of a Machine mints tokens on demand.

import { ID_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../core/request.ts';
import type { PlatformTable } from './table.ts';

const optional = { type: 'text' } as const;
const required = { type: 'text', required: true } as const;

export const FLY: PlatformTable = {
  kind: 'fly',
  issuerForms: [
    {
      form: /^https:\/\/oidc\.fly\.io\/(?!personal$)[a-z0-9-]+$/,
      says: 'https://oidc.fly.io/ORGANIZATION as tokens say it: `personal` is an alias that no token bears',
    },
  ],
  algorithms: ['RS256'],
  typ: ['JWT', undefined],
  tokenTypes: [JWT_TOKEN_TYPE, ID_TOKEN_TYPE],
  lifetimeSecondsMax: 900,
  replay: 'once',
  claims: {
    org_id: required,
    app_id: required,
    org_name: required,
    app_name: required,
    machine_name: required,
    machine_id: optional,
    machine_version: optional,
    image: optional,
    image_digest: optional,
    region: optional,
    sub: required,
  },
  name: [[{ field: 'app_id' }]],
  pins: { all: ['org_id', 'app_id'], context: [] },
  tight: ['image_digest', 'region'],
};
