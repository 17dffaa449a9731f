// Kubernetes service account tokens (KB): what the API server issues, and what a verifier outside the cluster can know.

import type { Row } from './row.ts';

export const ROWS: readonly Row[] = [
  { id: 'KB-01', says: 'projected tokens are read in full; sub agrees with the claims beside it' },
  { id: 'KB-02', says: "aud is ours only; the API server's own tokens are refused" },
  { id: 'KB-03', says: 'an extended token ends at warnafter; lifetimes are bounded' },
  { id: 'KB-04', says: 'legacy secret tokens are refused, whoever signed them' },
  { id: 'KB-05', says: 'bound to a pod, node or secret; policy can pin the uid' },
  { id: 'KB-06', says: 'TokenReview needs our audience in its answer' },
  {
    id: 'KB-07',
    says: "TokenReview's extra attributes reach policy",
    decision:
      'pod and node, with their uids, as the claims that say the same: absent ones are filled in, others must agree; the credential id must be the jti',
  },
  { id: 'KB-08', says: 'discovery with a private CA and a bearer token from a file' },
  { id: 'KB-09', says: 'iss need not be where the keys are fetched from' },
  {
    id: 'KB-10',
    says: 'several issuers during a migration',
    decision:
      '`otherIssuers` beside `issuer`, of one source and one set of keys, so that names stay; or a source for each',
  },
  {
    id: 'KB-11',
    says: 'clients read the mounted token again',
    decision:
      "the broker's own token, for the API server, is read anew for every request; pods do as docs/platforms/kubernetes.md says",
  },
  { id: 'KB-12', says: 'node-bound tokens are read, and policy can require the node' },
  { id: 'KB-13', says: 'keys pinned by file; an unknown kid refetches once per window' },
];
