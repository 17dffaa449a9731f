// What operators command when something is stolen or somebody is compromised: blocks, their lifting, and revocations, in force everywhere
// when they are answered (core/withdrawal.ts says what each means). What tightens counts before it is on record, for a full disk must not
// keep a thief in; what loosens is recorded first, or not done.

import { decisionId } from './decision-id.ts';
import { REVOKED_IDENTITY_SECONDS, REVOKED_TOKEN_SECONDS } from './limits-delegation.ts';
import type { Clock, RandomBytes, WithdrawalStore } from './ports.ts';
import { type Block, endsAll, lastsAsLong, type Revocation, type Withdrawal } from './withdrawal.ts';

/** Who commands it, and why. */
export interface Command {
  readonly why: string;
  readonly by: string;
}

/** What is put on record. `problem`: it was commanded, and could not be done. */
export type IncidentRecord = { readonly by: string; readonly problem?: string } & (
  | {
      readonly change: 'withdrawn';
      readonly withdrawal: Withdrawal;
      readonly already: boolean;
      readonly unreached: readonly string[];
    }
  | { readonly change: 'lifted'; readonly withdrawal: Block; readonly why: string }
);

/** Where records of incidents are written. Calls may overlap. */
export interface IncidentRecords {
  /** Rejects where it cannot be written now. */
  write(record: IncidentRecord): Promise<void>;
  /** Whether it is written now; if not, it is as soon as it can be. Never rejects. */
  insist(record: IncidentRecord): Promise<boolean>;
}

/** What became of a command. */
export interface Ended<Kind extends Withdrawal = Withdrawal> {
  /** As it is in force: the earlier one, where it was `already`. */
  readonly withdrawal: Kind;
  readonly already: boolean;
  /** Replicas that did not say that they have it. */
  readonly unreached: readonly string[];
  /** False while the trail cannot be written: it is in force nevertheless. */
  readonly recorded: boolean;
}

export interface Lifted {
  readonly withdrawal: Block;
  readonly unreached: readonly string[];
}

/** Every call rejects where the store cannot do it; then it is not known to be in force. Calls may overlap. */
export interface Incidents {
  block(identity: string, forSeconds: number | undefined, command: Command): Promise<Ended<Block>>;
  revoke(what: Revocation['what'], of: string, command: Command): Promise<Ended<Revocation>>;
  /** Lifts the block with this id, or every block of one of these identities; none where there is none. */
  unblock(
    which: { readonly id: string } | { readonly identities: readonly string[] },
    command: Command,
  ): Promise<readonly Lifted[]>;
  inForce(): readonly Withdrawal[];
}

export interface IncidentsParts {
  readonly store: WithdrawalStore;
  readonly records: IncidentRecords;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
}

export function createIncidents(parts: IncidentsParts): Incidents {
  const { store, clock, randomBytes } = parts;
  const inForce = () => store.list(clock.nowSeconds());
  const begun = ({ why }: Command) => {
    const atSeconds = clock.nowSeconds();
    return { id: decisionId(atSeconds, randomBytes), why, atSeconds };
  };

  return Object.freeze({
    async block(identity: string, forSeconds: number | undefined, command: Command) {
      const common = begun(command);
      const untilSeconds = forSeconds === undefined ? undefined : common.atSeconds + forSeconds;
      const wanted: Block = { kind: 'block', identity, untilSeconds, ...common };
      const held = inForce()
        .filter(isBlock)
        .find((one) => one.identity === identity && lastsAsLong(one, wanted));
      return end<Block>(parts, held ?? wanted, held !== undefined, command);
    },
    async revoke(what: Revocation['what'], of: string, command: Command) {
      const common = begun(command);
      const wanted: Revocation = {
        kind: 'revocation',
        what,
        of,
        untilSeconds: common.atSeconds + keptSeconds(what),
        ...common,
      };
      const held = inForce()
        .filter(isRevocation)
        .find((one) => endsAll(one, wanted));
      return end<Revocation>(parts, held ?? wanted, held !== undefined, command);
    },
    async unblock(which: Parameters<Incidents['unblock']>[0], command: Command) {
      const meant = inForce()
        .filter(isBlock)
        .filter(({ id, identity }) => ('id' in which ? id === which.id : which.identities.includes(identity)));
      const lifted = await Promise.all(meant.map((withdrawal) => lift(parts, withdrawal, command)));
      return lifted.filter((one) => one !== undefined);
    },
    inForce,
  });
}

const isBlock = (one: Withdrawal): one is Block => one.kind === 'block';
const isRevocation = (one: Withdrawal): one is Revocation => one.kind === 'revocation';

const keptSeconds = (what: Revocation['what']): number =>
  what === 'subject' || what === 'actor' || what === 'key' ? REVOKED_IDENTITY_SECONDS : REVOKED_TOKEN_SECONDS;

/** One that is in force already is added again: it changes nothing, and is answered when every replica has it. */
async function end<Kind extends Withdrawal>(
  { store, records }: IncidentsParts,
  withdrawal: Kind,
  already: boolean,
  { by }: Command,
): Promise<Ended<Kind>> {
  const record = { change: 'withdrawn' as const, withdrawal, already, by };
  const { unreached } = await store.add(withdrawal).catch(tellFailure(records, { ...record, unreached: [] }));
  return { withdrawal, already, unreached, recorded: await records.insist({ ...record, unreached }) };
}

/** Undefined where somebody else was faster. */
async function lift(
  { store, records }: IncidentsParts,
  withdrawal: Block,
  command: Command,
): Promise<Lifted | undefined> {
  const record = { change: 'lifted' as const, withdrawal, ...command };
  await records.write(record);
  const done = await store.lift(withdrawal.id).catch(tellFailure(records, record));
  return done && { withdrawal, unreached: done.unreached };
}

/** What was commanded and could not be done stands on record too. */
const tellFailure =
  (records: IncidentRecords, record: IncidentRecord) =>
  async (error: unknown): Promise<never> => {
    await records.insist({ ...record, problem: error instanceof Error ? error.message : 'a fault' });
    throw error;
  };
