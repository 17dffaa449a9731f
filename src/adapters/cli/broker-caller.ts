// A caller of the broker that can be asked again and again: which broker and where the credential is are found once, the credential itself
// is taken anew for every question, since a projected file is renewed under us. Never goes on to a second credential where the first was
// refused: which identity asks is decided before anything is sent. Never prints, logs or remembers a credential.

import type { Command } from 'commander';
import { CA_FILE_BYTES_MAX } from '../../core/limits-outside.ts';
import { parseJws } from '../../parsing/jws.ts';
import { type BrokerPlace, brokerPlace, withPlace } from './place.ts';
import { shown } from './shown.ts';
import type { ExitCode, Terminal } from './terminal.ts';
import { type AsFlags, asProblem, besideOf, claimsOf, type SignAsTools } from './token-as.ts';
import {
  type Answered,
  askForToken,
  askWhether,
  type BrokerAddress,
  findTokenEndpoint,
  type Order,
} from './token-broker.ts';
import { type Credential, type CredentialHad, type TokenTools, takeCredential } from './token-credential.ts';
import { PLACES, type Place, placeNamed, placesHere, type Source } from './token-places.ts';

/** How a verb ends before it has an answer, and what it says on stderr. */
export type Ended = { readonly exit: ExitCode; readonly says: readonly string[] };

/** The flags that say which broker is asked, and as whom. */
export interface CallerFlags extends AsFlags {
  readonly ca?: string;
  readonly config?: string;
  readonly control?: string;
}

export interface CallerTools extends TokenTools {
  readonly dev: SignAsTools;
}

export interface CallerOrder {
  readonly target: string;
  readonly scope?: string | undefined;
  readonly requestedTokenType?: string | undefined;
}

/** May be asked at any time, and several times at once. No question throws. */
export interface BrokerCaller {
  /** Asks for a token. `whole` of the answer is the broker's JSON. */
  ask(order: CallerOrder): Promise<Answered>;
  /** Asks whether there would be one: nothing is issued, and the credential is not spent. */
  askWhether(order: CallerOrder): Promise<Answered>;
}

export interface FoundCaller {
  readonly caller: BrokerCaller;
  /** The credential itself, for whoever presents it to the broker in our place. Secret. Never rejects. */
  credential(): Promise<CredentialHad>;
  /** How the credential is had; undefined where `dev` signs it. What it carries as text is secret. */
  readonly source: Source | undefined;
  /** For people: which place was chosen among several. */
  readonly says: readonly string[];
}

const usage = (text: string): Ended => ({ exit: 2, says: [text] });
const unknown = (text: string): Ended => ({ exit: 3, says: [text] });
const several = (one: string, all: string[] = []) => [...all, one];

/** Adds the flags to a verb that asks a broker. */
export const withCaller = (verb: Command): Command =>
  withPlace(verb)
    .option('--broker <issuer>', 'the broker, by its issuer (EXCHEQUER_BROKER)')
    .option('--ca <file>', "PEM certificates to trust for the broker instead of the system's (EXCHEQUER_CA)")
    .option('--from <place>', `where the credential is: ${PLACES.join(', ')}, env:NAME or file:PATH`)
    .option('--as <source>', 'against `exchequer dev`: a credential of this trust source, signed by dev')
    .option('--claim <name=value>', 'with --as: a claim of it; may stand several times', several)
    .option('--actor <source>', 'against `exchequer dev`: a credential of this trust source acts, signed by dev')
    .option('--actor-claim <name=value>', 'with --actor: a claim of it; may stand several times', several)
    .option('--client <id>', 'against `exchequer dev`: through this registered client');

type Chosen = { readonly place: Extract<Place, { source: Source }>; readonly says: readonly string[] };

/** What one question is asked with: the broker is known before the credential is taken. */
interface Met {
  readonly broker: BrokerAddress;
  readonly beside: Order['beside'];
  take(): Promise<CredentialHad>;
}

/** May reject, with why there is none. */
type Meet = (target: string) => Promise<Met>;

/** The broker that is named, or the `dev` that runs here; and where the credential is. Never rejects. */
export async function findCaller(
  terminal: Terminal,
  tools: CallerTools,
  flags: CallerFlags,
): Promise<FoundCaller | Ended> {
  const wrong = asProblem(flags);
  if (wrong !== undefined) return usage(wrong);
  return flags.as === undefined ? findBroker(terminal, tools, flags) : findDev(terminal, tools, flags);
}

async function findBroker({ env }: Terminal, tools: CallerTools, flags: CallerFlags): Promise<FoundCaller | Ended> {
  const at = brokerPlace(flags, env);
  const byDev = flags.actor !== undefined || flags.client !== undefined;
  const named = flags.broker ?? (byDev ? undefined : env.EXCHEQUER_BROKER || undefined);
  const local = named === undefined ? await tools.dev.place(at) : undefined;
  const issuer = named ?? local?.issuer;
  if (byDev && !local) return usage('--actor and --client are for a dev, and none runs on this configuration');
  if (issuer === undefined) return usage('which broker: --broker or EXCHEQUER_BROKER, its issuer URL');
  if (!isIssuer(issuer)) return usage('--broker must be the issuer: an https URL without query, fragment or user');
  const chosen = choose(flags.from, { env, exists: tools.exists, issuer });
  if ('exit' in chosen)
    return local && flags.from === undefined
      ? { ...chosen, says: [...chosen.says, 'a dev runs here: --as SOURCE has it sign one'] }
      : chosen;
  const ca = await readCa(tools, flags.ca ?? (env.EXCHEQUER_CA || undefined));
  if ('exit' in ca) return ca;
  const broker = { issuer, ca: ca.pem ?? local?.ca };
  const { from, source } = chosen.place;
  const take = async (): Promise<CredentialHad> => {
    const had = await takeCredential(tools, source, issuer);
    return had.ok ? had : { ok: false, problem: `${from}: ${had.problem}` };
  };
  const meet: Meet = async (target) => {
    const beside = await besideAt(tools.dev, at, besideOf(flags, target));
    return { broker, beside, take };
  };
  const caller = callerBy(tools, meet, hintsFor(flags, source));
  return { caller, credential: take, source, says: chosen.says };
}

/** With `--as`: `dev`, which signs a credential for every question. */
function findDev({ env }: Terminal, tools: CallerTools, flags: CallerFlags): FoundCaller {
  const { as = '', claim = [], client, actor } = flags;
  const { dev } = tools;
  const at = brokerPlace(flags, env);
  const meet: Meet = async (target) => {
    const signed = await dev.sign(at, { source: as, target, claims: claimsOf(claim) ?? {}, client, actor });
    const { issuer, ca, token, tokenType } = signed;
    return {
      broker: { issuer, ca },
      beside: await besideAt(dev, at, besideOf(flags, target)),
      take: async () => ({ ok: true, credential: { kind: 'token', token, tokenType } }),
    };
  };
  const credential = async (): Promise<CredentialHad> => ({ ok: false, problem: 'dev signs for one target at a time' });
  return { caller: callerBy(tools, meet, () => []), credential, source: undefined, says: [] };
}

const besideAt = async (
  dev: SignAsTools,
  at: BrokerPlace,
  asked: ReturnType<typeof besideOf>,
): Promise<Order['beside']> => (asked ? (await dev.beside(at, asked)).parameters : undefined);

type Hints = (credential: Credential, issuer: string) => readonly string[];

function callerBy(tools: CallerTools, meet: Meet, hintsOf: Hints): BrokerCaller {
  type Put = (broker: BrokerAddress, endpoint: string, order: Order) => Promise<Answered>;
  const question = async ({ target, scope, requestedTokenType }: CallerOrder, put: Put): Promise<Answered> => {
    try {
      const { broker, beside, take } = await meet(target);
      // Before the credential: a job's token is made only for a broker that is there.
      const endpoint = await findTokenEndpoint(tools, broker);
      if (endpoint.answer === 'unknown') return endpoint;
      const had = await take();
      if (!had.ok) return { answer: 'unknown', problem: had.problem };
      const { credential } = had;
      const answered = await put(broker, endpoint.url, { target, scope, requestedTokenType, credential, beside });
      return answered.answer === 'refused' ? { ...answered, hints: hintsOf(credential, broker.issuer) } : answered;
    } catch (error) {
      return { answer: 'unknown', problem: error instanceof Error ? error.message : 'could not find out' };
    }
  };
  return Object.freeze({
    ask: (order) => question(order, (broker, endpoint, asked) => askForToken(tools, broker, endpoint, asked)),
    askWhether: (order) => question(order, (broker, _, asked) => askWhether(tools, broker, asked)),
  } satisfies BrokerCaller);
}

function isIssuer(text: string): boolean {
  const url = URL.parse(text);
  return url?.protocol === 'https:' && !/[?#@\s]/.test(text) && url.username === '';
}

/** One place, and what is said about the others. */
function choose(from: string | undefined, around: Parameters<typeof placesHere>[0]): Chosen | Ended {
  if (from !== undefined) {
    const place = placeNamed(from, around);
    if (!place) return usage(`--from must be one of ${PLACES.join(', ')}, env:NAME or file:PATH`);
    return 'missing' in place ? unknown(`${place.from}: ${place.missing}`) : { place, says: [] };
  }
  const [first, ...others] = placesHere(around);
  if (!first) return unknown(`no credential is here: looked for ${PLACES.join(', ')}; --from names another`);
  const rest = others.map((one) => one.from).join(', ');
  // A job that cannot prove itself must not speak as its machine.
  if ('missing' in first)
    return unknown(`${first.from}: ${first.missing}${rest === '' ? '' : ` (also here: ${rest}; --from chooses it)`}`);
  return { place: first, says: rest === '' ? [] : [`from ${first.from}; also here: ${rest} (--from chooses another)`] };
}

async function readCa(
  tools: TokenTools,
  file: string | undefined,
): Promise<{ readonly pem: string | undefined } | Ended> {
  if (file === undefined) return { pem: undefined };
  const read = await tools.readFile(file, CA_FILE_BYTES_MAX);
  return read.ok ? { pem: read.text } : unknown(`${file}: ${read.problem}`);
}

/** What a client presents, and what `dev` signs, is for the audience of its source. */
const hintsFor = ({ client }: CallerFlags, source: Source): Hints =>
  client === undefined ? (credential, issuer) => audienceHint(credential, source, issuer) : () => [];

/** The commonest mistake, said without the value: the token was made for somebody else. */
function audienceHint(credential: Credential, source: Source, issuer: string): readonly string[] {
  const parsed = credential.kind === 'token' ? parseJws(credential.token) : undefined;
  if (!parsed?.ok) return [];
  const { aud } = parsed.jws.claims;
  if ((Array.isArray(aud) && aud.length === 1 ? aud[0] : aud) === issuer) return [];
  const mend = source.how === 'variable' && source.mend !== undefined ? `; ${source.mend}` : '';
  return [
    shown(
      `the token found here is not for ${issuer} alone (its aud says otherwise), which brokers want unless told${mend}`,
    ),
  ];
}
