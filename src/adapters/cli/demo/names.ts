// Whom a token names, from the person to whoever acts now, as one line: `people:alice <- agents/assistant <- books/mcp`. For people to
// read: nothing is decided by it.

import type { JWTPayload } from 'jose';

/** The subject, and the chain of `act` in the order in which they came to act; a SPIFFE ID by its service account. */
export function namesOf(claims: JWTPayload): string {
  const actors: string[] = [];
  for (let link = claims.act; isActor(link); link = link.act) actors.unshift(short(link.sub));
  return [String(claims.sub), ...actors].join(' <- ');
}

interface Actor {
  readonly sub: string;
  readonly act?: unknown;
}

const isActor = (value: unknown): value is Actor =>
  typeof value === 'object' && value !== null && 'sub' in value && typeof value.sub === 'string';

/** `spiffe://prod.example/ns/books/sa/mcp` is books/mcp. */
const short = (name: string): string => name.replace(/^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/([^/]+)$/, '$1/$2');
