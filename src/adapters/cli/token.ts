// `exchequer token TARGET`: finds the credential of where it runs and exchanges it at the broker. The token alone goes to stdout,
// everything else to stderr; with `--dry-run` it only asks, and stdout has what a token would be like. Exit 0 a token (or would be), 1 refused, 2 usage, 3 could not find out. Never prints the credential, and never
// goes on to a second one where the first was refused: which identity asks is decided before anything is sent.

import type { Command } from 'commander';
import { CA_FILE_BYTES_MAX } from '../../core/limits-outside.ts';
import { parseJws } from '../../parsing/jws.ts';
import { brokerPlace, withPlace } from './place.ts';
import { jsonLine, shown } from './shown.ts';
import type { ExitCode, Terminal } from './terminal.ts';
import { asProblem, besideOf, claimsOf, type SignAsTools } from './token-as.ts';
import {
  type Answered,
  askForToken,
  askWhether,
  type BrokerAddress,
  findTokenEndpoint,
  type Order,
} from './token-broker.ts';
import { type Credential, type TokenTools, takeCredential } from './token-credential.ts';
import { PLACES, type Place, placeNamed, placesHere, type Source } from './token-places.ts';

interface Flags {
  readonly broker?: string;
  readonly ca?: string;
  readonly from?: string;
  readonly as?: string;
  readonly claim?: readonly string[];
  readonly actor?: string;
  readonly actorClaim?: readonly string[];
  readonly client?: string;
  readonly config?: string;
  readonly control?: string;
  readonly scope?: string;
  readonly dryRun?: true;
  readonly json?: true;
}

type Ended = { readonly exit: ExitCode; readonly says: readonly string[] };
type Chosen = { readonly place: Extract<Place, { source: Source }>; readonly says: readonly string[] };

/** Adds the verb to the program. */
export function registerToken(program: Command, terminal: Terminal, tools: TokenTools, dev: SignAsTools): void {
  withPlace(program.command('token'))
    .description('exchange the credential of where this runs for a token')
    .argument('<target>', 'the name of the target, or its address')
    .option('--broker <issuer>', 'the broker, by its issuer (EXCHEQUER_BROKER)')
    .option('--ca <file>', "PEM certificates to trust for the broker instead of the system's (EXCHEQUER_CA)")
    .option('--from <place>', `where the credential is: ${PLACES.join(', ')}, env:NAME or file:PATH`)
    .option('--as <source>', 'against `exchequer dev`: a credential of this trust source, signed by dev')
    .option(
      '--claim <name=value>',
      'with --as: a claim of it; may stand several times',
      (one: string, all: string[] = []) => [...all, one],
    )
    .option('--actor <source>', 'against `exchequer dev`: a credential of this trust source acts, signed by dev')
    .option(
      '--actor-claim <name=value>',
      'with --actor: a claim of it; may stand several times',
      (one: string, all: string[] = []) => [...all, one],
    )
    .option('--client <id>', 'against `exchequer dev`: through this registered client')
    .option('--scope <scopes>', "scopes, with spaces between them; else the target's default")
    .option('--dry-run', 'only ask: nothing is issued, and the credential is not spent')
    .option('--json', 'the whole answer as JSON')
    .action(async (target: string, flags: Flags) => {
      const { exit, says } = await run(terminal, tools, dev, { target, flags });
      for (const line of says) terminal.err(line);
      terminal.exit(exit);
    });
}

const usage = (text: string): Ended => ({ exit: 2, says: [text] });
const unknown = (text: string, before: readonly string[] = []): Ended => ({ exit: 3, says: [...before, text] });

async function run(
  terminal: Terminal,
  tools: TokenTools,
  dev: SignAsTools,
  { target, flags }: { readonly target: string; readonly flags: Flags },
): Promise<Ended> {
  const found =
    flags.as === undefined
      ? await meet(terminal, tools, dev, target, flags)
      : await meetDev(terminal, dev, target, flags);
  if ('exit' in found) return found;
  const { broker, chosen, beside } = found;
  // Before the credential: a job's token is made only for a broker that is there.
  const endpoint = await findTokenEndpoint(tools, broker);
  if (endpoint.answer === 'unknown') return unknown(endpoint.problem, chosen.says);
  const had = await takeCredential(tools, chosen.place.source, broker.issuer);
  if (!had.ok) return unknown(`${chosen.place.from}: ${had.problem}`, chosen.says);
  const { credential } = had;
  const order = { target, scope: flags.scope, credential, beside };
  const answered = flags.dryRun
    ? await askWhether(tools, broker, order)
    : await askForToken(tools, broker, endpoint.url, order);
  return show(terminal, answered, { target, flags, chosen, credential, broker });
}

interface Met {
  readonly broker: BrokerAddress;
  readonly chosen: Chosen;
  readonly beside?: Order['beside'];
}

/** The broker that is named, or the `dev` that runs here; and where the credential is. */
async function meet(
  terminal: Terminal,
  tools: TokenTools,
  dev: SignAsTools,
  target: string,
  flags: Flags,
): Promise<Met | Ended> {
  const { env } = terminal;
  const wrong = asProblem(flags);
  if (wrong !== undefined) return usage(wrong);
  const asked = besideOf(flags, target);
  const named = flags.broker ?? (asked ? undefined : env.EXCHEQUER_BROKER || undefined);
  const local = named === undefined ? await dev.place(brokerPlace(flags, env)) : undefined;
  const issuer = named ?? local?.issuer;
  if (asked && !local) return usage('--actor and --client are for a dev, and none runs on this configuration');
  if (issuer === undefined) return usage('which broker: --broker or EXCHEQUER_BROKER, its issuer URL');
  if (!isIssuer(issuer)) return usage('--broker must be the issuer: an https URL without query, fragment or user');
  const chosen = choose(flags.from, { env, exists: tools.exists, issuer });
  if ('exit' in chosen) return chosen;
  const ca = await readCa(tools, flags.ca ?? (env.EXCHEQUER_CA || undefined));
  if ('exit' in ca) return ca;
  const met = { broker: { issuer, ca: ca.pem ?? local?.ca }, chosen };
  return asked ? withBeside(met, dev.beside(brokerPlace(flags, env), asked)) : met;
}

/** With `--as`: `dev`, and the credential that it has signed. */
async function meetDev(terminal: Terminal, dev: SignAsTools, target: string, flags: Flags): Promise<Met | Ended> {
  const wrong = asProblem(flags);
  if (wrong !== undefined) return usage(wrong);
  const { as = '', claim = [] } = flags;
  try {
    const at = brokerPlace(flags, terminal.env);
    const order = { source: as, target, claims: claimsOf(claim) ?? {}, client: flags.client, actor: flags.actor };
    const { issuer, ca, token, tokenType } = await dev.sign(at, order);
    const place = { from: 'dev', source: { how: 'signed', token, tokenType } } as const;
    const met = { broker: { issuer, ca }, chosen: { place, says: [] } };
    const asked = besideOf(flags, target);
    return asked ? withBeside(met, dev.beside(at, asked)) : met;
  } catch (error) {
    return unknown(messageOf(error));
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : 'could not find out');

async function withBeside(met: Met, made: ReturnType<SignAsTools['beside']>): Promise<Met | Ended> {
  try {
    return { ...met, beside: (await made).parameters };
  } catch (error) {
    return unknown(messageOf(error));
  }
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

interface Asked {
  readonly target: string;
  readonly flags: Flags;
  readonly chosen: Chosen;
  readonly credential: Credential;
  readonly broker: BrokerAddress;
}

function show(terminal: Terminal, answered: Answered, { target, flags, chosen, credential, broker }: Asked): Ended {
  switch (answered.answer) {
    case 'token':
      terminal.out(flags.json ? jsonLine(answered.whole) : answered.token);
      return { exit: 0, says: chosen.says };
    case 'would_grant': {
      const scopes = answered.scope === undefined ? '' : ` with ${answered.scope}`;
      const line = `would grant ${target}${scopes} for ${answered.seconds} s`;
      terminal.out(flags.json ? jsonLine(answered.whole) : shown(line));
      return { exit: 0, says: [...chosen.says, ...unspent(chosen.place.source)] };
    }
    case 'refused':
      return {
        exit: 1,
        says: [
          ...chosen.says,
          answered.sentence,
          ...(flags.client === undefined ? audienceHint(credential, chosen.place.source, broker.issuer) : []),
        ],
      };
    case 'unknown':
      return unknown(answered.problem, chosen.says);
  }
}

/** What was made for this question alone lives on: nobody else may find it. */
const unspent = ({ how }: Source): readonly string[] =>
  how === 'request' || how === 'socket' || how === 'aws'
    ? ['nothing was issued, and the credential made for this is not spent: it stays good until it expires']
    : [];

/**
 * The commonest mistake, said without the value: the token was made for somebody else. What a client presents, and `dev` signs, is for the
 * audience of its source.
 */
function audienceHint(credential: Credential, source: Source, issuer: string): readonly string[] {
  if (source.how === 'signed') return [];
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
