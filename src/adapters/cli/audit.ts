// `exchequer audit verify` and `audit tail`: reads a trail back. Verify says whether it is whole (exit 0 intact, 1 broken,
// 3 unreadable); tail shows records to people, one a line. Whatever a trail holds, no byte of it reaches a terminal unescaped.

import { type Command, InvalidArgumentError } from 'commander';
import { actingNames, type Members, members, readMembers, text } from './audit-text.ts';
import { CONFIG_HELP, configPath } from './place.ts';
import { escaped, jsonLine } from './shown.ts';
import type { Terminal } from './terminal.ts';
import { readable } from './trail-options.ts';

/** What verification found, as far as this verb shows it; `--json` prints the whole of it. */
export interface TrailReport {
  readonly intact: boolean;
  readonly lines: number;
  readonly requests: number;
  readonly uncovered: number;
  readonly chains: readonly { readonly id: string; readonly head: { readonly seq: number; readonly sha256: string } }[];
  readonly problems: readonly { readonly line: number; readonly kind: string; readonly text: string }[];
  readonly problemsCount: number;
}

export interface AuditTools {
  /** The trail of a `dev` that runs on this configuration, else the one that it names. Rejects where it names none. */
  configured(config: string): string | Promise<string>;
  /**
   * The lines of a trail, without their ends; `-` is standard input. With `last`, only so many from the end; with `follow`, it
   * goes on as the file grows. Throws where it cannot be read.
   */
  lines(
    file: string,
    options: { readonly follow: boolean; readonly last?: number },
  ): AsyncIterable<string> | Promise<AsyncIterable<string>>;
  /** Judges the trail in a file by the public key in another. Rejects where either cannot be read. */
  verify(file: string, publicKeyFile: string): Promise<TrailReport>;
}

const LINES_DEFAULT = 10;

/** Adds the verbs to the program; gives the group `audit` back. */
export function registerAudit(program: Command, terminal: Terminal, tools: AuditTools): Command {
  const audit = program.command('audit').description('read the audit trail back');
  audit
    .command('verify')
    .description('is the trail whole: exit 0 intact, 1 broken, 3 unreadable')
    .argument('<file>', 'the trail; - for standard input')
    .requiredOption('--key <file>', 'the public half of the audit key: audit-key.pub.pem')
    .option('--json', 'the whole report as JSON')
    .action((file: string, { key, json }: { key: string; json?: true }) =>
      readable(terminal, async () => {
        const report = await tools.verify(file, key);
        if (json) terminal.out(jsonLine(report));
        else showReport(terminal, report);
        terminal.exit(report.intact ? 0 : 1);
      }),
    );
  audit
    .command('tail')
    .description('show the last records, one a line')
    .argument(
      '[file]',
      'the trail; - for standard input, nothing for the one of a running dev, or that the configuration names',
    )
    .option('--config <file>', CONFIG_HELP)
    .option('-n, --lines <count>', 'how many', wholeNumber, LINES_DEFAULT)
    .option('--follow', 'go on as records are written')
    .option('--json', 'the records as they are written')
    .action((file: string | undefined, options: { config?: string; lines: number; follow?: true; json?: true }) =>
      readable(terminal, async () => {
        const trail = file ?? (await tools.configured(configPath(options.config, terminal.env)));
        const lines = await tools.lines(trail, { follow: options.follow ?? false, last: options.lines });
        for await (const line of lines) terminal.out(options.json ? escaped(line) : recordLine(line));
        terminal.exit(0);
      }),
    );
  return audit;
}

function showReport(terminal: Terminal, report: TrailReport): void {
  for (const { text } of report.problems) terminal.out(escaped(text));
  const more = report.problemsCount - report.problems.length;
  if (more > 0) terminal.out(`and ${more} more problems`);
  terminal.out(
    `${report.intact ? 'intact' : 'broken'}: ${report.lines} lines, ${report.requests} requests, ${report.chains.length} ${report.chains.length === 1 ? 'chain' : 'chains'}`,
  );
  if (report.uncovered > 0) terminal.out(`the last ${report.uncovered} records are not yet covered by a checkpoint`);
  for (const { id, head } of report.chains.slice(0, LINES_DEFAULT))
    terminal.out(`chain ${escaped(id)} ends at ${head.seq}, ${escaped(head.sha256)}`);
}

/** One record for people: when, which decision, what became of it and why, who wanted what, by which rule. */
function recordLine(line: string): string {
  const record = readMembers(line);
  if (!record) return `(not a record) ${escaped(line.slice(0, 120))}`;
  const { event } = record;
  return escaped([text(record.time) ?? '-', ...wordsOf(event, record)].join('  '));
}

function wordsOf(event: unknown, record: Members): readonly string[] {
  switch (event) {
    case 'exchange':
      return exchangeWords(record);
    case 'introspection':
    case 'revocation':
      return ownTokenWords(record);
    case 'caller_identity':
      return callerIdentityWords(record);
    default:
      return eventWords(record);
  }
}

function exchangeWords(record: Members): readonly string[] {
  const subject = text(members(record.subject)?.name) ?? 'nobody proved';
  const who = [subject, ...actingNames(record)].join(' via ');
  const target = text(record.target);
  const rule = text(record.rule);
  const dryRun = record.dryRun === true ? '(dry run)' : undefined;
  const outcome = [text(record.outcome) ?? '-', text(record.reason), dryRun]
    .filter((word) => word !== undefined)
    .join(' ');
  const would = Array.isArray(record.would) ? record.would.map(members) : [];
  return [
    text(record.decision) ?? '-',
    outcome,
    target === undefined ? who : `${who} -> ${target}`,
    ...(rule === undefined ? [] : [`by ${rule}`]),
    ...would.map((preview) => `preview: ${text(preview?.rule) ?? '-'} would ${text(preview?.would) ?? '-'}`),
  ];
}

/** Whose a cloud's credential is, as its holder asked. */
const callerIdentityWords = (record: Members): readonly string[] => [
  text(record.decision) ?? '-',
  [text(record.event), text(record.outcome), text(record.reason)].filter((word) => word !== undefined).join(' '),
  text(members(record.session)?.principal) ?? 'nobody proved',
];

/** A question about one of our own tokens: which, what it came to, who asked, and about whose. */
function ownTokenWords(record: Members): readonly string[] {
  const told = record.active === true ? 'active' : record.withdrawal === undefined ? undefined : 'revoked';
  const outcome = [text(record.event), text(record.outcome), told, text(record.reason)];
  const who = text(members(record.client)?.id) ?? 'nobody proved';
  const whose = text(members(record.token)?.sub);
  return [
    text(record.decision) ?? '-',
    outcome.filter((word) => word !== undefined).join(' '),
    whose === undefined ? who : `${who} -> ${whose}`,
  ];
}

/** Whatever else the broker records: its name, and the members that are not the chain's, plain ones and lists of texts. */
function eventWords(record: Members): readonly string[] {
  const skipped = new Set(['chain', 'seq', 'prev', 'event', 'time', 'signature', 'labels']);
  // A checkpoint names the audit key, always the same; with other events the key is what they are about.
  if (record.event === 'checkpoint') skipped.add('kid');
  const words = Object.entries(record)
    .filter(([name]) => !skipped.has(name) && !isCountOfWholeList(record, name))
    .flatMap(([name, value]) => (typeof value === 'object' ? listed(name, value) : [`${name}=${String(value)}`]));
  return [text(record.event) ?? '-', ...words];
}

const listed = (name: string, value: unknown): readonly string[] =>
  Array.isArray(value) && value.length > 0 ? [`${name}=${value.map((each) => text(each) ?? '-').join(', ')}`] : [];

function isCountOfWholeList(record: Members, name: string): boolean {
  const list = name.endsWith('Count') ? record[name.slice(0, -'Count'.length)] : undefined;
  return Array.isArray(list) && list.length === record[name];
}

function wholeNumber(value: string): number {
  const count = Number(value);
  // Commander prints the message and ends with its own usage error.
  if (!/^[0-9]{1,4}$/.test(value)) throw new InvalidArgumentError('It must be a whole number below 10000.');
  return count;
}
