// Kubernetes projected service account tokens (KB rows). The platform fixes `sub`, so the whole `sub` is the name. Tokens are
// mounted, shared by a pod's processes and read again until they are renewed: they are never single-use.

import { JWT_TOKEN_TYPE } from '../core/request.ts';
import type { PlatformTable } from './table.ts';

export const KUBERNETES: PlatformTable = {
  kind: 'kubernetes',
  // Clusters of clouds: a letter of another case or a slash too few is another issuer, which nobody has.
  issuerForms: [
    {
      host: /^oidc\.eks\./,
      form: /^https:\/\/oidc\.eks\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?\/id\/[0-9A-F]{32}$/,
      says: 'https://oidc.eks.REGION.amazonaws.com/id/ and 32 digits of upper-case hex on EKS',
    },
    {
      host: /^(?:.*\.)?prod-aks\.azure\.com$/,
      form: /^https:\/\/(?:[a-z0-9-]+\.oic\.prod-aks\.azure\.com\/[0-9a-f-]{36}|oidc\.prod-aks\.azure\.com)\/[0-9a-f-]{36}\/$/,
      says: 'https://REGION.oic.prod-aks.azure.com/TENANT/CLUSTER/ with its last slash on AKS',
    },
    {
      host: /^container\.googleapis\.com$/,
      form: /^https:\/\/container\.googleapis\.com\/v1\/projects\/[a-z0-9:.-]+\/locations\/[a-z0-9-]+\/clusters\/[a-z0-9-]+$/,
      says: 'https://container.googleapis.com/v1/projects/PROJECT/locations/LOCATION/clusters/CLUSTER on GKE',
    },
  ],
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
  known: [
    ['kubernetes.io', 'secret'],
    ['kubernetes.io', 'warnafter'],
  ],
  name: 'sub',
  pins: { all: ['namespace', 'serviceaccount'], context: [] },
  tight: ['uid'],
};
