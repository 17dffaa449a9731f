// Every kind of JWT source against the same hostile list.

import { verifierContract } from '../contract/verifier.ts';

for (const kind of ['github', 'gitlab', 'kubernetes', 'spiffe', 'oidc']) verifierContract(kind);
