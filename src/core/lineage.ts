// Where a token comes from: handles of the tokens that it was made of (`lineage`), by which a whole chain is withdrawn at once.

import { createHash } from 'node:crypto';
import { HANDLE_BYTES } from './limits-delegation.ts';
import type { ProvedPrincipal } from './principal.ts';

/** The handle of a token: a hash of its issuer and `jti`, base64url, 22 characters. Length-prefixed: no two tokens share one. */
export function handleOf(issuer: string, jti: string): string {
  const hash = createHash('sha256');
  for (const part of [issuer, jti]) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return hash.digest().subarray(0, HANDLE_BYTES).toString('base64url');
}

/** The tokens that one is made of, oldest first: those of the subject's, those of an actor's that we issued, and the subject's own. */
export function lineageOf(subject: ProvedPrincipal, actor: ProvedPrincipal | undefined): readonly string[] {
  const ofActor = actor?.proof.carried?.own ? [...actor.proof.carried.own.lineage, actor.proof.handle] : [];
  const all = [...(subject.proof.carried?.own?.lineage ?? []), ...ofActor, subject.proof.handle];
  return [...new Set(all.filter((handle) => handle !== undefined))];
}
