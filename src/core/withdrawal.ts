// Blocks and revocations. A block refuses an identity, in whatever role or chain it stands, from now until it is lifted; a revocation
// ends what was issued so far. Says what each means for a request; stores keep them, and make them known to every replica.

import type { Role } from './principal.ts';

/** What is withdrawn, by whom, and until when. Times are seconds since the epoch. */
export type Withdrawal = {
  /** Unguessable, and unique: a block is lifted, and a refusal explained, by it. */
  readonly id: string;
  readonly why: string;
  readonly atSeconds: number;
  /** Until when it counts; undefined for a block until it is lifted. A revocation ends when nothing that it ends can be valid any more. */
  readonly untilSeconds: number | undefined;
} & (
  | {
      readonly kind: 'block';
      /** A name, or a name whose last segment is `*` and stands for one or more. */
      readonly identity: string;
    }
  | {
      readonly kind: 'revocation';
      /**
       * `token`: one; `chain`: it and everything that was made from it. `of` is its handle (parsing/token-handle.ts). `key`: one of our
       * signing keys and everything that it signed; `of` is its kid.
       */
      readonly what: 'token' | 'chain' | 'key';
      readonly of: string;
    }
  | {
      readonly kind: 'revocation';
      /** Everything issued until `atSeconds` that is about this name, in which it acts, or that it asked for. */
      readonly what: 'subject' | 'actor' | 'client';
      readonly of: string;
    }
);

export type Block = Extract<Withdrawal, { kind: 'block' }>;
export type Revocation = Extract<Withdrawal, { kind: 'revocation' }>;

/** One identity in a request. */
export interface Party {
  readonly name: string;
  /** `actor` also for everybody in an `act`. */
  readonly role: Role;
  /** When its credential was issued, or for an earlier actor the token that names it; undefined where that is not known. */
  readonly issuedAtSeconds: number | undefined;
}

/** Everything of a request that can be withdrawn. */
export interface Standing {
  readonly parties: readonly Party[];
  /** The tokens presented, by their handles. */
  readonly tokens: readonly string[];
  /** The tokens that they were made of. */
  readonly ancestors: readonly string[];
  /** Signing keys of ours, by their kids. */
  readonly keys?: readonly string[];
}

/** Whether a block's identity means this name. */
export function isBlocked(identity: string, name: string): boolean {
  if (!identity.endsWith('*')) return identity === name;
  const head = identity.slice(0, -1);
  return name.length > head.length && name.startsWith(head);
}

/** Whether a withdrawal ends this request, now. */
export function withdraws(
  withdrawal: Withdrawal,
  { parties, tokens, ancestors, keys = [] }: Standing,
  nowSeconds: number,
): boolean {
  if (withdrawal.untilSeconds !== undefined && nowSeconds >= withdrawal.untilSeconds) return false;
  if (withdrawal.kind === 'block') return parties.some(({ name }) => isBlocked(withdrawal.identity, name));
  const { what, of, atSeconds } = withdrawal;
  switch (what) {
    case 'token':
      return tokens.includes(of);
    case 'chain':
      return tokens.includes(of) || ancestors.includes(of);
    case 'key':
      return keys.includes(of);
    case 'subject':
    case 'actor':
    case 'client':
      // `iat` is in whole seconds: what was issued within the second of the revocation is taken as issued before it.
      return parties.some(
        ({ role, name, issuedAtSeconds }) =>
          role === what && name === of && issuedAtSeconds !== undefined && issuedAtSeconds <= atSeconds,
      );
  }
}

/**
 * Whether a revocation leaves nothing for another one to end, as long as it lasts. What is issued to a name goes on after a revocation: a
 * later one ends more.
 */
export const endsAll = (held: Revocation, wanted: Pick<Revocation, 'what' | 'of'>): boolean =>
  held.of === wanted.of &&
  (wanted.what === 'token' || wanted.what === 'chain' || wanted.what === 'key') &&
  (held.what === wanted.what || (held.what === 'chain' && wanted.what === 'token'));

type End = Pick<Withdrawal, 'untilSeconds'>;

/** Whether one lasts as long as another would. */
export const lastsAsLong = ({ untilSeconds: held }: End, { untilSeconds: wanted }: End): boolean =>
  held === undefined || (wanted !== undefined && held >= wanted);
