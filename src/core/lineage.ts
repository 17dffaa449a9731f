// Where a token comes from: the tokens that it was made of, by their handles (parsing/token-handle.ts), by which a whole chain is withdrawn
// at once.

import type { ProvedPrincipal } from './principal.ts';

/** The tokens that one is made of, oldest first: those of the subject's, those of an actor's that we issued, and the subject's own. */
export function lineageOf(subject: ProvedPrincipal, actor: ProvedPrincipal | undefined): readonly string[] {
  const ofActor = actor?.proof.carried?.own ? [...actor.proof.carried.own.lineage, actor.proof.handle] : [];
  const all = [...(subject.proof.carried?.own?.lineage ?? []), ...ofActor, subject.proof.handle];
  return [...new Set(all.filter((handle) => handle !== undefined))];
}
