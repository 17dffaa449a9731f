// `exchequer check`: loads a configuration by the same code as start and reload, and says everything that is wrong with it.
// Exit 0 where it would start, 1 where it would not, 2 for wrong usage. It changes nothing and calls nobody.

import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { isJsonObject, type Json, type JsonObject } from '../../core/json.ts';
import type { Problem } from '../../parsing/yaml.ts';
import { CONFIG_HELP, configPath } from './place.ts';
import { escaped, jsonLine } from './shown.ts';
import type { Terminal } from './terminal.ts';

/** One finding of the linter (docs/lint.md). */
export interface CheckFinding {
  readonly lint: string;
  readonly severity: 'error' | 'warning' | 'info';
  /** The rule or source that it is about, by name. */
  readonly about: string;
  readonly problem: Problem;
  /** The reason with which it is accepted; undefined where it is not. */
  readonly accepted: string | undefined;
}

export interface CheckReport {
  /** Why it does not load; empty where it does. Files are relative to the configuration's folder. */
  readonly problems: readonly Problem[];
  /** What loads, and should be looked at. */
  readonly warnings: readonly Problem[];
  /** Of every severity, accepted ones too; empty where it does not load. */
  readonly findings: readonly CheckFinding[];
  /** What was loaded, in words: `2 sources`, `1 target`, `14 rules`. */
  readonly summary: readonly string[];
  /** Everything as it counts, where it loads and that was asked for; no secret in it. */
  readonly resolved?: JsonObject;
}

export interface CheckHow {
  /** With `resolved`. */
  readonly print?: boolean;
  /** Where the broker does not run: that its certificate is not there is a warning. */
  readonly offline?: boolean;
}

export interface CheckTools {
  /** Reaches nobody. */
  check(path: string, how?: CheckHow): CheckReport | Promise<CheckReport>;
}

interface CheckOptions {
  readonly config?: string;
  readonly json?: true;
  readonly github?: true;
  readonly print?: true;
  readonly offline?: true;
}

export function registerCheck(program: Command, terminal: Terminal, tools: CheckTools): void {
  program
    .command('check')
    .description('say everything that is wrong with a configuration and its policies')
    .option('--config <file>', CONFIG_HELP)
    .option('--json', 'one JSON object on stdout')
    .option('--github', 'GitHub workflow commands, one for each problem')
    .option('--print', 'the configuration and its rules as they count; secrets are hidden')
    .option('--offline', 'where the broker does not run: a certificate that is not there is only warned of')
    .allowExcessArguments(false)
    .action(async (options: CheckOptions) => {
      if (options.github && (options.json || options.print)) {
        terminal.err('--github excludes --json and --print');
        return terminal.exit(2);
      }
      const path = configPath(options.config, terminal.env);
      const report = placedFrom(
        path,
        await tools.check(path, { print: options.print === true, offline: options.offline === true }),
      );
      if (options.json) terminal.out(jsonLine({ ok: report.problems.length === 0, ...report }));
      else if (options.github) github(terminal, path, report);
      else plain(terminal, path, report);
      terminal.exit(report.problems.length === 0 ? 0 : 1);
    });
}

/** Problems name files as seen from the configuration; people and GitHub look from where the command was run. */
function placedFrom(path: string, report: CheckReport): CheckReport {
  const placed = (problem: Problem): Problem => ({ ...problem, file: join(dirname(path), problem.file) });
  const findings = report.findings.map((finding) => ({ ...finding, problem: placed(finding.problem) }));
  return { ...report, problems: report.problems.map(placed), warnings: report.warnings.map(placed), findings };
}

/** `file:line:column path: message [lint]`, the form that editors and terminals make a link of; printable, whatever a file says. */
export const renderProblem = (problem: Problem): string => escaped(rendered(problem, ''));

/** A configuration that does not load. */
export interface NotLoaded {
  readonly ok: false;
  readonly problems: readonly Problem[];
}

/** Says why a configuration does not load. */
export function sayProblems(terminal: Terminal, problems: readonly Problem[]): void {
  for (const problem of problems) terminal.err(renderProblem(problem));
}

const rendered = ({ file, line, column, path, message, lint }: Problem, level: string): string =>
  `${file}:${line}:${column} ${path === '' ? '' : `${path}: `}${message}${level}${lint === undefined ? '' : ` [${lint}]`}`;

function plain(terminal: Terminal, path: string, report: CheckReport): void {
  const { problems, warnings, findings, summary, resolved } = report;
  if (resolved) for (const line of outline(resolved)) terminal.out(escaped(line));
  for (const problem of problems) terminal.out(renderProblem(problem));
  for (const warning of warnings) terminal.out(escaped(rendered(warning, ' (warning)')));
  for (const { severity, problem, accepted } of findings)
    if (severity === 'info' && accepted === undefined) terminal.out(escaped(rendered(problem, ' (info)')));
  terminal.err(escaped(verdict(path, problems, summary)));
}

/** Data as an indented outline; lists of plain values stay on one line. */
function* outline(data: JsonObject, indent = ''): Generator<string> {
  for (const [name, value] of Object.entries(data)) {
    const entries = Array.isArray(value) && value.some(isJsonObject) ? { ...value } : value;
    if (!isJsonObject(entries)) yield `${indent}${name}: ${plainly(entries)}`;
    else if (Object.keys(entries).length === 0) yield `${indent}${name}: none`;
    else {
      yield `${indent}${name}:`;
      yield* outline(entries, `${indent}  `);
    }
  }
}

function plainly(value: Json): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(plainly).join(', ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function verdict(path: string, problems: readonly Problem[], summary: readonly string[]): string {
  if (problems.length > 0) return `${path}: ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`;
  return summary.length > 0 ? `${path}: loads, with ${summary.join(', ')}` : `${path}: loads`;
}

function github(terminal: Terminal, path: string, { problems, warnings, summary }: CheckReport): void {
  for (const problem of problems) terminal.out(workflowCommand('error', problem));
  for (const warning of warnings) terminal.out(workflowCommand('warning', warning));
  terminal.err(escaped(verdict(path, problems, summary)));
}

function workflowCommand(level: 'error' | 'warning', { file, line, column, path, message, lint }: Problem): string {
  const text = `${path === '' ? '' : `${path}: `}${message}${lint === undefined ? '' : ` [${lint}]`}`;
  return `::${level} file=${property(file)},line=${line},col=${column}::${data(text)}`;
}

/** A line break would begin a command of its own: a pull request could then write any command into the log. */
const data = (text: string): string => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');

const property = (text: string): string => data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
