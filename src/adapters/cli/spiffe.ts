// `exchequer spiffe inspect THING`: what is wrong with an SVID, a bundle, a bundle endpoint or what an agent gives, and which section of
// which specification says so. Judges with what the broker judges with. Exit 0 nothing is wrong, 1 something is, 2 usage,
// 3 could not find out. Unproved text is shown in printable ASCII, cut; private keys and tokens are never shown.

import { type Command, Option } from 'commander';
import { parseSpiffeId, parseTrustDomain } from '../../parsing/spiffe-id.ts';
import { inspectAgent } from './inspect-agent.ts';
import { inspectEndpoint } from './inspect-endpoint.ts';
import { type Found, isGood, reportJson, reportLines } from './inspect-report.ts';
import { inspectText } from './inspect-text.ts';
import type { InspectFlags, InspectTools } from './inspect-tools.ts';
import { CLIENT_AND_SERVER } from './inspect-x509.ts';
import { jsonLine, shown } from './shown.ts';
import type { Terminal } from './terminal.ts';

/** Adds the verbs to the program. */
export function registerSpiffe(program: Command, terminal: Terminal, tools: InspectTools): void {
  program
    .command('spiffe')
    .description('look at SVIDs, bundles, bundle endpoints and agents as the broker does')
    .command('inspect')
    .description('say what is wrong with one, and which section of which specification says so')
    .argument(
      '<thing>',
      'a file of an SVID or a bundle, - for standard input, https://... of a bundle endpoint, or unix:///... of an agent',
    )
    .option('--bundle <file>', 'the bundle of its trust domain, to judge an SVID by: JSON or PEM')
    .option('--trust-domain <name>', 'the trust domain that it must be of; which bundle of a map of bundles')
    .option('--audience <value>', 'whom a JWT-SVID must be for')
    .addOption(
      new Option('--purpose <purpose>', 'what an X.509-SVID is for; both unless said').choices(CLIENT_AND_SERVER),
    )
    .addOption(
      new Option('--profile <profile>', 'how an endpoint proves itself')
        .choices(['https_web', 'https_spiffe'])
        .default('https_web'),
    )
    .option('--endpoint-id <spiffe-id>', 'https_spiffe: the SPIFFE ID of the endpoint')
    .option('--bootstrap <file>', "https_spiffe: the bundle of the endpoint's own trust domain")
    .option('--ca <file>', "https_web: PEM certificates to trust instead of the system's")
    .option('--json', 'as JSON')
    .action(async (thing: string, flags: InspectFlags) => {
      const problem = usageProblem(thing, flags);
      if (problem !== undefined) {
        terminal.err(problem);
        terminal.exit(2);
        return;
      }
      show(terminal, await inspect(tools, thing, flags), flags.json);
    });
}

function usageProblem(
  thing: string,
  { trustDomain, profile, endpointId, bootstrap }: InspectFlags,
): string | undefined {
  if (trustDomain !== undefined && parseTrustDomain(trustDomain) === undefined)
    return '--trust-domain must be a name without spiffe:// (SPIFFE-ID §2.1)';
  // SPIFFE Federation §5.2.1.1: https, and nothing else.
  if (/^http:/i.test(thing)) return 'a bundle endpoint is https (SPIFFE Federation §5.2.1.1)';
  if (profile !== 'https_spiffe') return undefined;
  if (endpointId === undefined || parseSpiffeId(endpointId) === undefined)
    return 'https_spiffe needs --endpoint-id, a SPIFFE ID (SPIFFE Federation §5.2.2.2)';
  return bootstrap === undefined ? 'https_spiffe needs --bootstrap (SPIFFE Federation §5.2.2.4)' : undefined;
}

async function inspect(tools: InspectTools, thing: string, flags: InspectFlags): Promise<Found> {
  if (/^https:/i.test(thing)) return inspectEndpoint(tools, thing, flags);
  if (!/^(?:unix|tcp):/.test(thing)) return inspectText(tools, thing, flags);
  const seen = await tools.agent(thing);
  if ('problem' in seen) return { unknown: `${thing} ${seen.problem}` };
  return inspectAgent(seen, {
    socket: thing,
    nowSeconds: tools.nowSeconds(),
    trustDomain: flags.trustDomain,
    purposes: flags.purpose === undefined ? CLIENT_AND_SERVER : [flags.purpose],
  });
}

function show(terminal: Terminal, found: Found, json: true | undefined): void {
  if ('unknown' in found) {
    terminal.err(shown(found.unknown));
    terminal.exit(3);
    return;
  }
  const { inspections } = found;
  if (json) terminal.out(jsonLine(reportJson(inspections)));
  else for (const line of reportLines(inspections)) terminal.out(line);
  terminal.exit(isGood(inspections) ? 0 : 1);
}
