// `exchequer explain`: why a request is, or would be, allowed or refused: every rule, the first condition of each that failed,
// what was presented and what was expected. Offline it assumes claims and proves nothing, and says so; with `--decision` or
// `--last` it shows what the running broker decided. Exit 0 allowed, 1 refused, 2 usage, 3 could not find out.

import { readFile, stat } from 'node:fs/promises';
import type { Command } from 'commander';
import type { AskingClient, Question } from '../../core/decision.ts';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { CREDENTIAL_BYTES_MAX } from '../../core/limits.ts';
import type { Principal } from '../../core/principal.ts';
import { readJson } from '../../parsing/json.ts';
import { parseJws, type UnprovedJws } from '../../parsing/jws.ts';
import type { Problem } from '../../parsing/yaml.ts';
import { renderProblem } from './check.ts';
import { type Assumed, type Explanation, renderDecided, renderOffline } from './explain-text.ts';
import { type BrokerPlace, brokerPlace, CONFIG_HELP, CONTROL_HELP } from './place.ts';
import type { ExitCode, Terminal } from './terminal.ts';

/** A configuration, loaded and asked without any network. */
export interface OfflinePolicy {
  /** Names of the trust sources. */
  readonly sources: readonly string[];
  /** The registered clients, each as it would be proved. */
  readonly clients: readonly AskingClient[];
  /** `source` undefined: the one that is responsible for these claims. `header`: of the token that they were read from. */
  assume(source: string | undefined, claims: JsonObject, header?: TokenHeader): Promise<Assumed>;
  explain(question: Question<Principal>): Explanation;
}

/** What chooses the key. */
export type TokenHeader = Pick<UnprovedJws, 'alg' | 'kid'>;

export interface ExplainTools {
  readonly nowSeconds: () => number;
  /** Loads the configuration by the same code as start and reload. */
  load(
    config: string,
  ): Promise<
    | { readonly ok: true; readonly offline: OfflinePolicy }
    | { readonly ok: false; readonly problems: readonly Problem[] }
  >;
  /** The record of one decision (`last`: the newest) from the running broker. Rejects where it cannot be asked. */
  decision(id: string, broker: BrokerPlace): Promise<object | undefined>;
}

interface ExplainOptions {
  readonly config?: string;
  readonly control?: string;
  readonly tokenFile?: string;
  readonly claimsFile?: string;
  readonly trust?: string;
  readonly client?: string;
  readonly target?: string;
  readonly scope?: string;
  readonly decision?: string;
  readonly last?: true;
  readonly json?: true;
}

export function registerExplain(program: Command, terminal: Terminal, tools: ExplainTools): void {
  program
    .command('explain')
    .description('say why a request is, or would be, allowed or refused')
    .option('--config <file>', CONFIG_HELP)
    .option('--token-file <file>', 'a token, read but not verified')
    .option('--claims-file <file>', 'claims as JSON; needs --trust')
    .option('--trust <source>', 'the trust source that would prove them')
    .option(
      '--client <id>',
      'the client that would ask: for them, or without --token-file and --claims-file for itself',
    )
    .option('--target <target>', 'what is asked for: a name, or an address')
    .option('--scope <scopes>', 'scopes asked for, separated by spaces')
    .option('--decision <id>', 'a decision of the running broker')
    .option('--last', 'its newest decision')
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
  const { tokenFile, claimsFile, decision, last, client } = options;
  const given = [tokenFile, claimsFile, decision, last].filter((option) => option !== undefined);
  if (given.length > 1 || (given.length === 0 && client === undefined))
    return 'one of --token-file, --claims-file, --client, --decision and --last is needed';
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
    terminal.err(error instanceof Error ? error.message : 'could not find out');
    return 3;
  }
}

async function explainDecided(
  terminal: Terminal,
  tools: ExplainTools,
  options: ExplainOptions,
  place: BrokerPlace,
): Promise<ExitCode> {
  const record = await tools.decision(options.decision ?? 'last', place);
  if (!record)
    throw new Error(
      options.last
        ? 'the broker has decided nothing since it started'
        : 'the broker does not remember this decision; its record is in the audit trail',
    );
  if (options.json) terminal.out(JSON.stringify(record));
  else for (const line of renderDecided(record)) terminal.out(line);
  const outcome = 'outcome' in record ? record.outcome : undefined;
  if (outcome === 'granted') return 0;
  return outcome === 'refused' ? 1 : 3;
}

async function explainOffline(
  terminal: Terminal,
  tools: ExplainTools,
  options: ExplainOptions,
  config: string,
): Promise<ExitCode> {
  const read = await readClaims(options);
  const loaded = await tools.load(config);
  if (!loaded.ok) {
    for (const problem of loaded.problems) terminal.err(renderProblem(problem));
    throw new Error(`${config} does not load`);
  }
  const { offline } = loaded;
  const unknown = unknownName(offline, options);
  if (unknown !== undefined) {
    terminal.err(unknown);
    return 2;
  }
  const client = offline.clients.find(({ id }) => id === options.client);
  const assumed: Assumed | undefined = read
    ? await offline.assume(options.trust, read.claims, read.header)
    : client && { ok: true, principal: client.principal };
  if (!assumed) throw new Error('neither claims nor a client');
  const scopes = options.scope?.split(' ').filter((scope) => scope !== '');
  const explanation = assumed.ok
    ? offline.explain({
        subject: assumed.principal,
        client,
        binding: { certificate: undefined, required: false },
        ask: { targets: [options.target ?? ''], scopes },
        now: tools.nowSeconds(),
      })
    : undefined;
  report(terminal, options, assumed, explanation);
  return explanation?.decision.granted ? 0 : 1;
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

function report(
  terminal: Terminal,
  options: ExplainOptions,
  assumed: Assumed,
  explanation: Explanation | undefined,
): void {
  if (!options.json) {
    for (const line of renderOffline(assumed, options.client, explanation)) terminal.out(line);
    return;
  }
  const { decision, rules = [] } = explanation ?? {};
  const refusal = assumed.ok ? (decision?.granted === false ? decision.refusal : undefined) : assumed.refusal;
  terminal.out(
    JSON.stringify({
      assumed: true,
      allowed: decision?.granted === true,
      subject: assumed.ok ? { source: assumed.principal.source, name: assumed.principal.name } : undefined,
      client: options.client,
      grant: decision?.granted ? { ...decision.grant, subject: undefined } : undefined,
      refusal,
      would: decision?.would ?? [],
      rules,
    }),
  );
}

/** Claims from a file, where one is named. What is wrong with a token is said without showing any of it. */
async function readClaims({
  tokenFile,
  claimsFile,
}: ExplainOptions): Promise<{ readonly claims: JsonObject; readonly header?: TokenHeader } | undefined> {
  const file = tokenFile ?? claimsFile;
  if (file === undefined) return undefined;
  const text = await readBounded(file);
  if (tokenFile !== undefined) {
    const parsed = parseJws(text.trim());
    if (!parsed.ok) throw new Error(`${file} holds no token that can be read: ${parsed.problem}`);
    return { claims: parsed.jws.claims, header: parsed.jws };
  }
  const read = readJson(text);
  if (!read.ok || !isJsonObject(read.value)) throw new Error(`${file} holds no claims: it must be one JSON object`);
  return { claims: read.value };
}

async function readBounded(file: string): Promise<string> {
  // `/dev/stdin` and process substitution have no size to ask for: they are measured once read.
  const size = (await stat(file)).size;
  const bytes = size > CREDENTIAL_BYTES_MAX ? undefined : await readFile(file);
  if (!bytes || bytes.byteLength > CREDENTIAL_BYTES_MAX) throw new Error(`${file} is longer than any credential`);
  return bytes.toString('utf8');
}
