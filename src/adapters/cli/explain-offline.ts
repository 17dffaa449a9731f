// `exchequer explain` of claims that nobody proves: which credential would be refused and why, in the order in which the broker would find
// out; who would act, and whether anybody may so; and what policy says of it. Nothing is verified, and nobody is asked.

import type { Cause } from '../../core/cause.ts';
import { type Delegation, NOBODY_ACTS } from '../../core/decision.ts';
import { EXPLAINED_RULES_MAX } from '../../core/limits.ts';
import type { Principal } from '../../core/principal.ts';
import { sayProblems } from './check.ts';
import { type ExplainOptions, readClaims, readTime } from './explain-input.ts';
import { type Offline, offlineJson, renderOffline } from './explain-text.ts';
import type { ExplainTools, JudgedClaims, OfflinePolicy } from './explain-tools.ts';
import { jsonLine } from './shown.ts';
import type { ExitCode, Terminal } from './terminal.ts';

/** Says it, and how it ended. Rejects where it cannot find out. */
export async function explainOffline(
  terminal: Terminal,
  tools: ExplainTools,
  options: ExplainOptions,
  config: string,
): Promise<ExitCode> {
  const read = await readClaims(options, tools.readInput);
  const loaded = await tools.load(config);
  if (!loaded.ok) {
    sayProblems(terminal, loaded.problems);
    throw new Error(`${config} does not load`);
  }
  const { offline } = loaded;
  const unknown = unknownName(offline, options);
  if (unknown !== undefined) {
    terminal.err(unknown);
    return 2;
  }
  const nowSeconds = (options.at === undefined ? undefined : readTime(options.at)) ?? tools.nowSeconds();
  const client = offline.clients.find(({ id }) => id === options.client);
  const judged = read
    ? await offline.judge({ source: options.trust, ...read, role: 'subject', client: options.client, nowSeconds })
    : client && { ...NOTHING_JUDGED, principal: client.principal };
  if (!judged) throw new Error('neither claims nor a client');
  const actor = await judgedActor(offline, tools, options, nowSeconds);
  const acting = actingIn(offline, { judged, actor, client });
  const found: Offline = {
    judged,
    actor,
    acting,
    causes: causesOf(judged, actor, acting.cause, client !== undefined),
    client: options.client,
    nowSeconds,
    explanation: explained(offline, judged, acting.delegation, options, nowSeconds),
    unknown: offline.unknownTarget([options.target ?? '']),
  };
  if (options.json) terminal.out(jsonLine(offlineJson(found)));
  else for (const line of renderOffline(found, options.all ? undefined : EXPLAINED_RULES_MAX)) terminal.out(line);
  const granted = found.explanation?.decision.granted === true;
  return granted && found.causes.length === 0 && !judged.over ? 0 : 1;
}

/** Somebody who brings no claims: a client that asks for itself, or an actor by name. */
const NOTHING_JUDGED = {
  causes: [],
  presenter: undefined,
  lacking: undefined,
  carried: undefined,
  timed: true,
  endsAtSeconds: undefined,
  over: undefined,
};

/** Who acts, by name or by a token. */
async function judgedActor(
  offline: OfflinePolicy,
  tools: ExplainTools,
  { actor, actorTokenFile, client }: ExplainOptions,
  nowSeconds: number,
): Promise<JudgedClaims | undefined> {
  if (actor !== undefined) {
    const named = offline.named(actor);
    if (!named.ok) throw new Error(`${actor} ${named.problem}`);
    return { ...NOTHING_JUDGED, principal: named.principal };
  }
  const read = actorTokenFile === undefined ? undefined : { tokenFile: actorTokenFile };
  const claims = read && (await readClaims(read, tools.readInput));
  return claims && offline.judge({ source: undefined, ...claims, role: 'actor', client, nowSeconds });
}

/** Who acts, and acted before, and why nobody may act so; as far as it is known who they would be. */
function actingIn(
  offline: OfflinePolicy,
  {
    judged,
    actor,
    client,
  }: {
    readonly judged: JudgedClaims;
    readonly actor: JudgedClaims | undefined;
    readonly client: OfflinePolicy['clients'][number] | undefined;
  },
): ReturnType<OfflinePolicy['acting']> {
  const { principal, carried } = judged;
  if (!principal) return { delegation: NOBODY_ACTS, cause: undefined };
  return offline.acting({ subject: principal, actor: actor?.principal, client, carried });
}

/** Every cause before policy, in the order of the broker: credentials first, then who presents them, then who acts. */
const causesOf = (
  judged: JudgedClaims,
  actor: JudgedClaims | undefined,
  acting: Cause | undefined,
  hasClient: boolean,
): readonly Cause[] => [
  ...judged.causes,
  ...(actor?.causes ?? []),
  // Without a client an actor token is refused before it matters whose the other one is.
  ...(actor?.presenter && !hasClient ? [actor.presenter] : [judged.presenter, actor?.presenter].filter(isThere)),
  ...[acting].filter(isThere),
];

const isThere = (cause: Cause | undefined): cause is Cause => cause !== undefined;

function explained(
  offline: OfflinePolicy,
  { principal }: JudgedClaims,
  delegation: Delegation<Principal>,
  { client, target, scope }: ExplainOptions,
  now: number,
): Offline['explanation'] {
  if (!principal) return undefined;
  const scopes = scope?.split(' ').filter((one) => one !== '');
  return offline.explain({
    subject: principal,
    client: offline.clients.find(({ id }) => id === client),
    binding: { key: undefined, required: false },
    delegation,
    ask: { targets: [target ?? ''], scopes },
    now,
  });
}

/** A name on the command line that the configuration does not know. */
function unknownName({ sources, clients }: OfflinePolicy, { trust, client }: ExplainOptions): string | undefined {
  if (trust !== undefined && !sources.includes(trust))
    return `${trust} is no trust source; there are: ${sources.join(', ')}`;
  const ids = clients.map(({ id }) => id);
  if (client !== undefined && !ids.includes(client))
    return `${client} is no client; there are: ${ids.length > 0 ? ids.join(', ') : 'none'}`;
  return undefined;
}
