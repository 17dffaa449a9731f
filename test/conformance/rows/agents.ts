// Drafts about agents that act for people: the actor profile of OAuth (draft-mcguinness-oauth-actor-profile). It has expired and will change;
// what it asks for is what a chain of actors needs anyway.

import type { Row } from './row.ts';

export const ROWS: readonly Row[] = [
  {
    id: 'OB-02',
    says: 'every act has iss and sub',
    decision: 'an outside actor without iss gets the issuer of its token; sub_profile is carried and not made',
  },
  { id: 'OB-03', says: 'client_id and azp are nobody who acts' },
  { id: 'OB-04', says: 'a chain of four fits; one too long is refused, never cut', decision: 'eight' },
  { id: 'OB-05', says: 'no act but by an actor token, a chain, or a proved client' },
  { id: 'OB-06', says: 'who may not act is refused', decision: 'as invalid_request; actor_unauthorized is not used' },
  {
    id: 'OB-07',
    says: 'refresh tokens never act; an actor token needs one who may present it',
    decision: 'a bound one from the holder of its key',
  },
];
