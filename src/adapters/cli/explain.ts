// `exchequer explain`: why a request is, or would be, allowed or refused: every rule, the first condition of each that failed,
// what was presented and what was expected. Offline it assumes claims and proves nothing, and says so: first what the broker would
// answer now, or at the time that `--at` names, and but for that what policy says. With `--decision` or `--last` it shows what the
// running broker decided. Exit 0 allowed, 1 refused, 2 usage, 3 could not find out.

import type { Command } from 'commander';
import { NOBODY_ACTS } from '../../core/decision.ts';
import { isDecisionId } from '../../core/decision-id.ts';
import { EXPLAINED_RULES_MAX } from '../../core/limits.ts';
import { sayProblems } from './check.ts';
import { readClaims, readTime } from './explain-input.ts';
import { askedTargets, type Offline, offlineJson, renderDecided, renderOffline } from './explain-text.ts';
import type { ExplainTools, JudgedClaims, OfflinePolicy, UnknownTarget } from './explain-tools.ts';
import { type BrokerPlace, brokerPlace, CONFIG_HELP, CONTROL_HELP } from './place.ts';
import { escaped, jsonLine, shown } from './shown.ts';
import type { ExitCode, Terminal } from './terminal.ts';

interface ExplainOptions {
  readonly config?: string;
  readonly control?: string;
  readonly tokenFile?: string;
  readonly claimsFile?: string;
  readonly trust?: string;
  readonly client?: string;
  readonly target?: string;
  readonly scope?: string;
  readonly at?: string;
  readonly decision?: string;
  readonly last?: true;
  readonly from?: string;
  readonly all?: true;
  readonly json?: true;
}

export function registerExplain(program: Command, terminal: Terminal, tools: ExplainTools): void {
  program
    .command('explain')
    .description('say why a request is, or would be, allowed or refused')
    .option('--config <file>', CONFIG_HELP)
    .option('--token-file <file>', 'a token, read but not verified; - for standard input')
    .option('--claims-file <file>', 'claims as JSON; needs --trust; - for standard input')
    .option('--trust <source>', 'the trust source that would prove them')
    .option(
      '--client <id>',
      'the client that would ask: for them, or without --token-file and --claims-file for itself',
    )
    .option('--target <target>', 'what is asked for: a name, or an address')
    .option('--scope <scopes>', 'scopes asked for, separated by spaces')
    .option('--at <time>', 'as of that time (RFC 3339), instead of now')
    .option('--decision <id>', 'a decision of the running broker')
    .option('--last', 'its newest decision')
    .option('--from <file>', 'the audit trail that has the record of --decision; - for standard input')
    .option('--all', 'every rule, and not only the nearest')
    .option('--control <socket>', CONTROL_HELP)
    .option('--json', 'one JSON object on stdout')
    .allowExcessArguments(false)
    .action(async (options: ExplainOptions) => {
      const wrong = usageProblem(options);
      if (wrong !== undefined) terminal.err(wrong);
      terminal.exit(wrong === undefined ? await explain(terminal, tools, options) : 2);
    });
}

function usageProblem(options: ExplainOptions): string | undefined {
  const { tokenFile, claimsFile, decision, last, client, at, from } = options;
  const given = [tokenFile, claimsFile, decision, last].filter((option) => option !== undefined);
  if (given.length > 1 || (given.length === 0 && client === undefined))
    return 'one of --token-file, --claims-file, --client, --decision and --last is needed';
  if (from !== undefined && decision === undefined) return '--from is where --decision is looked for';
  if (decision !== undefined && !isDecisionId(decision))
    return '--decision must be a decision id: 26 characters, as refusals end and records have them';
  if (at !== undefined && (decision !== undefined || last))
    return '--at judges claims; what the running broker decided has its own time';
  if (at !== undefined && readTime(at) === undefined)
    return '--at must be a time with its offset, such as 2026-11-26T00:58:00Z';
  if (decision !== undefined || last) return undefined;
  if (claimsFile !== undefined && options.trust === undefined) return '--claims-file needs --trust';
  return options.target === undefined ? '--target is needed: what is asked for' : undefined;
}

async function explain(terminal: Terminal, tools: ExplainTools, options: ExplainOptions): Promise<ExitCode> {
  const place = brokerPlace(options, terminal.env);
  try {
    if (options.decision !== undefined || options.last) return await explainDecided(terminal, tools, options, place);
    return await explainOffline(terminal, tools, options, place.config);
  } catch (error) {
    terminal.err(escaped(error instanceof Error ? error.message : 'could not find out'));
    return 3;
  }
}

async function explainDecided(
  terminal: Terminal,
  tools: ExplainTools,
  options: ExplainOptions,
  place: BrokerPlace,
): Promise<ExitCode> {
  const { decision = 'last', from } = options;
  const record = await (from === undefined ? tools.decision(decision, place) : tools.recorded(decision, from));
  if (!record) throw new Error(notFound(options));
  if (options.json) terminal.out(jsonLine(record));
  else {
    const unknown = await askedUnknown(tools, record, place.config);
    const withdrawn = await withdrawnBy(tools, record, from === undefined ? place : { trail: from });
    for (const line of [...renderDecided(record, tools.hint, unknown), ...withdrawn]) terminal.out(line);
  }
  const outcome = 'outcome' in record ? record.outcome : undefined;
  if (outcome === 'granted') return 0;
  return outcome === 'refused' ? 1 : 3;
}

function notFound({ last, from }: ExplainOptions): string {
  if (last) return 'the broker has decided nothing since it started';
  if (from !== undefined) return `${from === '-' ? 'standard input' : shown(from)} holds no record of this decision`;
  return 'the broker does not remember this decision; its record is in the audit trail: --from FILE reads it there';
}

/** The block or revocation that refused it, and why; that it is gone, where it is. */
async function withdrawnBy(
  tools: ExplainTools,
  record: object,
  place: BrokerPlace | { readonly trail: string },
): Promise<readonly string[]> {
  const evidence = 'evidence' in record ? record.evidence : undefined;
  const id = typeof evidence === 'object' && evidence !== null && 'withdrawal' in evidence ? evidence.withdrawal : '';
  if (typeof id !== 'string' || id === '') return [];
  // The record stands by itself, as above: a broker that cannot be asked takes nothing away from it.
  const found = await tools.withdrawal(id, place).catch(() => undefined);
  const text = found
    ? `${found.what} ${found.of}, since ${found.since}: ${found.why}`
    : 'is not in force any more, or not known here';
  return [escaped(`withdrawn ${id}  ${text}`)];
}

/** What a record says was asked for, where the configuration, as it is now, knows no such target. */
async function askedUnknown(tools: ExplainTools, record: object, config: string): Promise<UnknownTarget | undefined> {
  if (!('outcome' in record) || record.outcome !== 'refused') return undefined;
  const targets = askedTargets(record);
  // The record stands by itself: a configuration that does not load takes nothing away from it.
  const loaded = targets.length === 0 ? undefined : await tools.load(config).catch(() => undefined);
  return loaded?.ok ? loaded.offline.unknownTarget(targets) : undefined;
}

async function explainOffline(
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
    ? await offline.judge({ source: options.trust, ...read, client: options.client, nowSeconds })
    : client && { ...NOTHING_JUDGED, principal: client.principal };
  if (!judged) throw new Error('neither claims nor a client');
  const found: Offline = {
    judged,
    client: options.client,
    nowSeconds,
    explanation: explained(offline, judged, options, nowSeconds),
    unknown: offline.unknownTarget([options.target ?? '']),
  };
  if (options.json) terminal.out(jsonLine(offlineJson(found)));
  else for (const line of renderOffline(found, options.all ? undefined : EXPLAINED_RULES_MAX)) terminal.out(line);
  const granted = found.explanation?.decision.granted === true;
  return granted && judged.causes.length === 0 && !judged.over ? 0 : 1;
}

/** A client that asks for itself brings no claims. */
const NOTHING_JUDGED = { causes: [], lacking: undefined, timed: true, endsAtSeconds: undefined, over: undefined };

function explained(
  offline: OfflinePolicy,
  { principal }: JudgedClaims,
  { client, target, scope }: ExplainOptions,
  now: number,
): Offline['explanation'] {
  if (!principal) return undefined;
  const scopes = scope?.split(' ').filter((one) => one !== '');
  return offline.explain({
    subject: principal,
    client: offline.clients.find(({ id }) => id === client),
    binding: { key: undefined, required: false },
    delegation: NOBODY_ACTS,
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
