// Every kind of JWT source against the same hostile list.

import { verifierContract } from '../contract/verifier.ts';
import { DECK_KINDS, SOURCES } from '../support/sources.ts';

for (const kind of ['github', 'gitlab', 'kubernetes', 'spiffe', 'oidc']) verifierContract(kind, SOURCES);

for (const kind of Object.keys(DECK_KINDS)) if (!Object.hasOwn(SOURCES, kind)) verifierContract(kind, DECK_KINDS);
