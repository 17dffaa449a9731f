// `exchequer doctor`: looks at a deployment from where it runs, and says of everything that it can see whether it is as it should be and what
// to do where it is not. Exit 0 where nothing fails, 1 where something does, 2 usage, 3 where something could not be found out. It changes
// nothing, issues nothing and prints no secret.

import type { Command } from 'commander';
import type { Finding, Outcome } from './doctor-report.ts';
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

export interface DoctorTools {
  /** Never rejects. */
  examine(query: DoctorQuery): Promise<readonly Finding[]>;
}

interface DoctorOptions {
  readonly config?: string;
  readonly control?: string;
  readonly ca?: string;
  readonly published?: string;
  readonly json?: true;
}

export function registerDoctor(program: Command, terminal: Terminal, tools: DoctorTools): void {
  withPlace(program.command('doctor'))
    .description('look at a deployment and say what to do: exit 0 nothing fails, 1 something does, 3 not found out')
    .option('--ca <file>', "PEM certificates to trust for the broker instead of the system's (EXCHEQUER_CA)")
    .option('--published <url>', 'another place that the documents of `keys publish` are served from')
    .option('--json', 'one JSON object on stdout')
    .allowExcessArguments(false)
    .action(async (options: DoctorOptions) => {
      const { published, json } = options;
      if (published !== undefined && !/^https:\/\/[^?#@\s]+$/.test(published)) {
        terminal.err('--published is an https URL without query, fragment or user');
        return terminal.exit(2);
      }
      const ca = options.ca ?? (terminal.env.EXCHEQUER_CA || undefined);
      const findings = await tools.examine({ place: brokerPlace(options, terminal.env), ca, published });
      if (json) terminal.out(jsonLine({ ok: exitOf(findings) === 0, findings }));
      else for (const line of findings.flatMap(linesOf)) terminal.out(escaped(line));
      terminal.err(verdict(findings));
      terminal.exit(exitOf(findings));
    });
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
