// `exchequer doctor`: looks at a deployment from where it runs, and says of everything that it can see whether it is as it should be and what
// to do where it is not. Exit 0 where nothing fails, 1 where something does, 2 usage, 3 where something could not be found out. It changes
// nothing, issues nothing and prints no secret.

import type { Command } from 'commander';
import { type CallerTools, findCaller } from './broker-caller.ts';
import { about, type Finding, type Outcome } from './doctor-report.ts';
import { type BrokerPlace, brokerPlace, withPlace } from './place.ts';
import { escaped, jsonLine } from './shown.ts';
import type { ExitCode, Terminal } from './terminal.ts';

export interface DoctorQuery {
  readonly place: BrokerPlace;
  /** A file with the authorities of the broker's certificate. */
  readonly ca: string | undefined;
  /** Where the documents are published beside the issuer. */
  readonly published: string | undefined;
}

export interface Examined {
  readonly findings: readonly Finding[];
  /** Undefined where the configuration does not load. */
  readonly issuer: string | undefined;
}

export interface DoctorTools {
  /** Never rejects. */
  examine(query: DoctorQuery): Promise<Examined>;
  /** What the broker is asked with, where a question is tried. */
  readonly caller: CallerTools;
}

interface DoctorOptions {
  readonly config?: string;
  readonly control?: string;
  readonly ca?: string;
  readonly published?: string;
  readonly try?: string;
  readonly from?: string;
  readonly json?: true;
}

export function registerDoctor(program: Command, terminal: Terminal, tools: DoctorTools): void {
  withPlace(program.command('doctor'))
    .description('look at a deployment and say what to do: exit 0 nothing fails, 1 something does, 3 not found out')
    .option('--ca <file>', "PEM certificates to trust for the broker instead of the system's (EXCHEQUER_CA)")
    .option('--published <url>', 'another place that the documents of `keys publish` are served from')
    .option('--try <target>', 'ask the broker whether it would grant this: nothing is issued')
    .option('--from <place>', 'with --try: where the credential is, as `token` has it')
    .option('--json', 'one JSON object on stdout')
    .allowExcessArguments(false)
    .action(async (options: DoctorOptions) => {
      const { published, json } = options;
      if (published !== undefined && !/^https:\/\/[^?#@\s]+$/.test(published)) {
        terminal.err('--published is an https URL without query, fragment or user');
        return terminal.exit(2);
      }
      const ca = options.ca ?? (terminal.env.EXCHEQUER_CA || undefined);
      const { findings: found, issuer } = await tools.examine({
        place: brokerPlace(options, terminal.env),
        ca,
        published,
      });
      const findings = [...found, ...(await tryOut(terminal, tools.caller, issuer, options))];
      if (json) terminal.out(jsonLine({ ok: exitOf(findings) === 0, findings }));
      else for (const line of findings.flatMap(linesOf)) terminal.out(escaped(line));
      terminal.err(verdict(findings));
      terminal.exit(exitOf(findings));
    });
}

/** A real question, with the credential of where this runs. */
async function tryOut(
  terminal: Terminal,
  tools: CallerTools,
  issuer: string | undefined,
  { try: target, from, ca, config, control }: DoctorOptions,
): Promise<readonly Finding[]> {
  if (target === undefined || issuer === undefined) return [];
  const { ok, fail, unknown } = about(`try ${target}`);
  const place = 'run doctor where a workload runs, or say --from';
  const flags = { broker: issuer, from, ca, config, control };
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
  const found = await findCaller(terminal, tools, given);
  if ('exit' in found) return [unknown(found.says.join('; '), place)];
  const answered = await found.caller.askWhether({ target });
  switch (answered.answer) {
    case 'would_grant':
      return [ok(`would be granted for ${answered.seconds} s`)];
    case 'token':
      return [ok('would be granted')];
    case 'refused':
      return [fail([answered.sentence, ...(answered.hints ?? [])].join('; '), '`exchequer explain --last` says why')];
    case 'unknown':
      return [
        unknown(answered.problem, `${place}; --ca where the broker's certificate is of an authority of your own`),
      ];
  }
}

const has = (findings: readonly Finding[], outcome: Outcome): boolean =>
  findings.some((finding) => finding.outcome === outcome);

const exitOf = (findings: readonly Finding[]): ExitCode =>
  has(findings, 'fail') ? 1 : has(findings, 'unknown') ? 3 : 0;

const WIDTH = 9;

const linesOf = ({ area, outcome, says, mend }: Finding): readonly string[] => [
  `${outcome.padEnd(WIDTH)}${area}: ${says}`,
  ...(mend === undefined ? [] : [`${' '.repeat(WIDTH)}-> ${mend}`]),
];

function verdict(findings: readonly Finding[]): string {
  const count = (outcome: Outcome): number => findings.filter((finding) => finding.outcome === outcome).length;
  return `${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} failed, ${count('unknown')} could not be found out`;
}
