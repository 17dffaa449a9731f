// What `explain` needs of the rest of the program: a configuration that can be asked without any network, the running broker's decisions,
// and what is piped in. Holds types alone; compose-explain.ts makes the tools.

import type { Cause } from '../../core/cause.ts';
import type { AskingClient, Decision, Delegation, Question, RuleTrace } from '../../core/decision.ts';
import type { Acting } from '../../core/delegation.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Carried, Principal } from '../../core/principal.ts';
import type { LackingFile } from '../../core/refusal.ts';
import type { UnprovedJws } from '../../parsing/jws.ts';
import type { NotLoaded } from './check.ts';
import type { BrokerPlace } from './place.ts';

/** What the header of a token says. */
export type TokenHeader = Pick<UnprovedJws, 'header' | 'alg' | 'kid' | 'typ'>;

/** Claims that nobody proved. */
export interface OfflineClaims {
  /** Undefined: the source that is responsible for them. */
  readonly source: string | undefined;
  readonly claims: JsonObject;
  /** Of the token that they were read from; undefined for claims alone. */
  readonly header: TokenHeader | undefined;
  readonly role: 'subject' | 'actor';
  /** The id of the registered client that would present them. */
  readonly client: string | undefined;
  readonly nowSeconds: number;
}

/** What the broker would come to before any rule. */
export interface JudgedClaims {
  /** Whom the claims would be of, also where they are refused; undefined where they do not make a name. */
  readonly principal: Principal | undefined;
  /** Why they would be refused, in the order of the checks. */
  readonly causes: readonly Cause[];
  /** Why they may not be presented so. */
  readonly presenter: Cause | undefined;
  /** What they say beside who they are of. */
  readonly carried: Carried | undefined;
  /** What a file of keys lacks for the token. */
  readonly lacking: LackingFile | undefined;
  /** Whether the times were judged: claims alone may have none. */
  readonly timed: boolean;
  readonly endsAtSeconds: number | undefined;
  /** Said where everything else is granted: nothing is left to issue for. */
  readonly over: Cause | undefined;
}

/** One rule of the policy. */
export type ExplainedRule = RuleTrace & {
  readonly owner: string | undefined;
  readonly why: string | undefined;
  readonly ended: boolean;
  readonly hint: string | undefined;
};

export interface Explanation {
  readonly decision: Decision<Principal>;
  /** Undefined where it is granted. */
  readonly cause: Cause | undefined;
  /** That of the cause first, then nearest first. */
  readonly rules: readonly ExplainedRule[];
}

/** A configuration, loaded and asked without any network. */
export interface OfflinePolicy {
  /** Names of the trust sources. */
  readonly sources: readonly string[];
  /** The registered clients, each as it would be proved. */
  readonly clients: readonly AskingClient[];
  judge(claims: OfflineClaims): Promise<JudgedClaims>;
  /** Somebody of whom only the name is known, with the claims that it tells; or what is wrong with it, behind the name. */
  named(
    identity: string,
  ): { readonly ok: true; readonly principal: Principal } | { readonly ok: false; readonly problem: string };
  /** Who acts, and acted before; with why nobody may act so, whatever policy says. */
  acting(request: Acting<Principal>): { readonly delegation: Delegation<Principal>; readonly cause: Cause | undefined };
  explain(question: Question<Principal>): Explanation;
  /** The first of these that no target has as its name or address and no rule makes. */
  unknownTarget(targets: readonly string[]): UnknownTarget | undefined;
}

/** What was asked for that does not exist: in JSON, cut; and the target whose name comes near. */
export interface UnknownTarget {
  readonly asked: string;
  readonly meant: string | undefined;
}

export interface ExplainTools {
  readonly nowSeconds: () => number;
  /** What is piped in, or undefined where it is more than that. Rejects where it cannot be read. */
  readInput(bytesMax: number): Promise<Uint8Array | undefined>;
  /** Loads the configuration by the same code as start and reload. */
  load(config: string): Promise<{ readonly ok: true; readonly offline: OfflinePolicy } | NotLoaded>;
  /** How the value that was presented comes close to what was expected, both as a record has them; undefined where it does not. */
  hint(presented: string, expected: string): string | undefined;
  /** The record of one decision (`last`: the newest) from the running broker. Rejects where it cannot be asked. */
  decision(id: string, broker: BrokerPlace): Promise<object | undefined>;
  /** The record of one decision in a trail; `-` is standard input. It believes the trail. Rejects where it cannot be read. */
  recorded(id: string, trail: string): Promise<object | undefined>;
  /** A block or revocation by its id: in force at the running broker, or on record in a trail that can be read again. */
  withdrawal(id: string, place: BrokerPlace | { readonly trail: string }): Promise<ShownWithdrawal | undefined>;
}

/** A block or revocation, as it is told to whoever asks why somebody was refused. */
export interface ShownWithdrawal {
  /** `block`, `revoke subject`, ... */
  readonly what: string;
  readonly of: string;
  /** RFC 3339. */
  readonly since: string;
  readonly why: string;
}
