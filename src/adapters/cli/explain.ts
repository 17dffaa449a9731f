// `exchequer explain`: why a request is, or would be, allowed or refused: every rule, the first condition of each that failed,
// what was presented and what was expected. Offline it assumes claims and proves nothing, and says so: first what the broker would
// answer now, or at the time that `--at` names, and but for that what policy says. With `--decision` or `--last` it shows what the
// running broker decided. Exit 0 allowed, 1 refused, 2 usage, 3 could not find out.

import type { Command } from 'commander';
import { isDecisionId } from '../../core/decision-id.ts';
import { type ExplainOptions, readTime } from './explain-input.ts';
import { explainOffline } from './explain-offline.ts';
import { askedTargets, renderDecided } from './explain-text.ts';
import type { ExplainTools, UnknownTarget } from './explain-tools.ts';
import { type BrokerPlace, brokerPlace, CONFIG_HELP, CONTROL_HELP } from './place.ts';
import { escaped, jsonLine, shown } from './shown.ts';
import type { ExitCode, Terminal } from './terminal.ts';

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
    .option('--actor <identity>', 'who acts for them, by name')
    .option('--actor-token-file <file>', 'the token of who acts, read but not verified; - for standard input')
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
  const actors = [options.actor, options.actorTokenFile].filter((option) => option !== undefined);
  if (actors.length > 1) return 'one of --actor and --actor-token-file says who acts';
  if (actors.length > 0 && tokenFile === undefined && claimsFile === undefined)
    return 'who acts needs somebody to act for: --token-file or --claims-file';
  if (options.actorTokenFile === '-' && (tokenFile ?? claimsFile) === '-')
    return 'only one of two can be standard input';
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
