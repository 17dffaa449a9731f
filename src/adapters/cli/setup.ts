// `exchequer setup CLOUD TARGET...`: what a cloud must be told so that it trusts what the broker signs for configured targets, as Terraform or
// as commands of the cloud's own tool. Exit 0 printed, 1 printed and not as the cloud takes it, or nothing to print, 2 usage, 3 where the
// configuration does not load. It calls nobody and changes nothing.

import { Argument, type Command, Option } from 'commander';
import type { AwsTrust, AzureTrust, GcpTrust } from '../../core/cloud-trust.ts';
import { SETUP_TRUSTS_MAX } from '../../core/limits-cloud.ts';
import { sayProblems } from './check.ts';
import { CONFIG_HELP, configPath } from './place.ts';
import { printAws } from './setup-aws.ts';
import { printAzure } from './setup-azure.ts';
import { printGcp } from './setup-gcp.ts';
import { hclLines } from './setup-hcl.ts';
import type { CloudName, FoundTrust, OpenRule, Printed, SetupRead, SetupTools } from './setup-tools.ts';
import { escaped, jsonLine } from './shown.ts';
import type { Terminal } from './terminal.ts';
import { conditionText } from './walk-text.ts';

interface SetupOptions {
  readonly config?: string;
  readonly format: 'terraform' | 'cli';
  readonly with?: readonly string[];
  readonly jwks?: string;
  readonly json?: true;
}

export function registerSetup(program: Command, terminal: Terminal, tools: SetupTools): void {
  program
    .command('setup')
    .description('print what a cloud must trust for targets: exit 0 printed, 1 not as the cloud takes it')
    .addArgument(new Argument('<cloud>', 'whose side').choices(['aws', 'gcp', 'azure']))
    .argument('<targets...>', 'the names of the targets')
    .addOption(
      new Option('--format <format>', 'for Terraform, or for the tool of the cloud')
        .choices(['terraform', 'cli'])
        .default('terraform'),
    )
    .option(
      '--with <parameter=value>',
      'a value of a parameter that rules leave to a claim; may stand several times',
      (one: string, all: string[] = []) => [...all, one],
    )
    .option(
      '--jwks <file>',
      'for Google Cloud that cannot reach the broker: the keys, as `keys publish --jwks` writes them',
    )
    .option('--config <file>', CONFIG_HELP)
    .option('--json', 'one JSON object on stdout')
    .action(async (cloud: CloudName, targets: readonly string[], options: SetupOptions) => {
      const values = valuesOf(options.with ?? []);
      if (!values) {
        terminal.err('--with is a parameter and its value: --with repo=shop');
        return terminal.exit(2);
      }
      if (options.jwks !== undefined && cloud !== 'gcp') {
        terminal.err(
          '--jwks is for gcp: the others read the keys below the issuer, from the broker or from a bucket there',
        );
        return terminal.exit(2);
      }
      const read = await tools.trusts(configPath(options.config, terminal.env), { cloud, targets, values });
      if (read.ok) return show(terminal, cloud, read, options);
      if ('usage' in read) terminal.err(escaped(read.usage));
      else sayProblems(terminal, read.problems);
      terminal.exit('usage' in read ? 2 : 3);
    });
}

function valuesOf(written: readonly string[]): Readonly<Record<string, string>> | undefined {
  const pairs = written.map((text) => /^([A-Za-z][A-Za-z0-9_-]*)=([\s\S]+)$/.exec(text));
  const values = Object.fromEntries(pairs.map((pair) => [pair?.[1] ?? '', pair?.[2] ?? '']));
  return pairs.includes(null) || Object.keys(values).length < pairs.length ? undefined : values;
}

function show(
  terminal: Terminal,
  cloud: CloudName,
  { issuer, found, left, open }: Extract<SetupRead, { ok: true }>,
  options: SetupOptions,
): void {
  const unsafe = found.filter(({ trust }) => isUnsafe(trust.audience) || isUnsafe(trust.subject));
  const safe = found.filter((one) => !unsafe.includes(one));
  const printed = print(cloud, issuer, safe, options.jwks);
  if (options.json) {
    const { problems, remarks } = printed;
    terminal.out(jsonLine({ cloud, issuer, trusts: safe, ...printed.json, open, problems, remarks }));
  } else if (safe.length > 0)
    for (const line of options.format === 'cli' ? printed.cli : hclLines(printed.terraform)) terminal.out(line);
  const problems = [
    ...unsafe.map(({ target }) => `${target}: its audience or a value has a character that is not printed`),
    ...printed.problems,
  ];
  for (const line of [...problems, ...remarksOf(safe, left, open), ...(safe.length > 0 ? printed.remarks : [])])
    terminal.err(escaped(line));
  terminal.exit(safe.length > 0 && problems.length === 0 ? 0 : 1);
}

function print(cloud: CloudName, issuer: string, found: readonly FoundTrust[], jwks: string | undefined): Printed {
  switch (cloud) {
    case 'aws':
      return printAws(issuer, found.filter(isAws));
    case 'gcp':
      return printGcp(issuer, found.filter(isGcp), jwks);
    case 'azure':
      return printAzure(issuer, found.filter(isAzure));
  }
}

const isAws = (found: FoundTrust): found is FoundTrust<AwsTrust> => found.trust.cloud === 'aws';
const isGcp = (found: FoundTrust): found is FoundTrust<GcpTrust> => found.trust.cloud === 'gcp';
const isAzure = (found: FoundTrust): found is FoundTrust<AzureTrust> => found.trust.cloud === 'azure';

/** What a terminal would obey. */
const isUnsafe = (text: string): boolean => escaped(text) !== text;

function remarksOf(found: readonly FoundTrust[], left: number, open: readonly OpenRule[]): readonly string[] {
  const idle = found.filter(({ rules }) => rules.length === 0);
  return [
    ...idle.map(
      ({ target, parameters }) =>
        `no rule gives ${target}${Object.keys(parameters).length === 0 ? '' : ` with ${assigned(parameters)}`}: nobody can have it yet`,
    ),
    ...(left === 0 ? [] : [`these are the first ${SETUP_TRUSTS_MAX}: ${left} more are not printed; --with chooses`]),
    ...open.flatMap(openTexts),
  ];
}

const assigned = (values: Readonly<Record<string, string>>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');

const openTexts = ({ target, rule, at, parameters, conditions }: OpenRule): readonly string[] => [
  `${rule} (${at}) takes ${parameters.map((name) => `<${name}>`).join(', ')} of ${target} from a claim: ${conditions.map(conditionText).join(', ')}`,
  `  a subject is compared whole, so that each value has a trust of its own: ${parameters.map((name) => `--with ${name}=VALUE`).join(' ')}`,
];
