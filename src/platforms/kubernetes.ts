// Kubernetes projected service account tokens (KB rows). The platform fixes `sub`, so the whole `sub` is the name. Tokens are
// mounted, shared by a pod's processes and read again until they are renewed: they are never single-use.

import { JWT_TOKEN_TYPE } from '../core/request.ts';
import type { PlatformTable } from './table.ts';

export const KUBERNETES: PlatformTable = {
  kind: 'kubernetes',
  algorithms: ['RS256', 'ES256', 'ES384', 'ES512'],
  typ: [undefined, 'JWT'],
  tokenTypes: [JWT_TOKEN_TYPE],
  lifetimeSecondsMax: 90_000,
  replay: 'reusable',
  claims: {
    namespace: { path: ['kubernetes.io', 'namespace'], type: 'text', required: true },
    serviceaccount: { path: ['kubernetes.io', 'serviceaccount', 'name'], type: 'text', required: true },
    uid: { path: ['kubernetes.io', 'serviceaccount', 'uid'], type: 'text', required: true },
    pod: { path: ['kubernetes.io', 'pod', 'name'], type: 'text' },
    podUid: { path: ['kubernetes.io', 'pod', 'uid'], type: 'text' },
    node: { path: ['kubernetes.io', 'node', 'name'], type: 'text' },
    nodeUid: { path: ['kubernetes.io', 'node', 'uid'], type: 'text' },
    sub: { type: 'text', required: true },
  },
  name: 'sub',
  pins: { all: ['namespace', 'serviceaccount'], context: [] },
};
