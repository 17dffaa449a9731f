// The command line, composed: every verb with the typed tools it needs. Verbs that look at files work offline; those about a
// running broker go to its control socket. `main.ts` hands in the world and the signals.

import { Command } from 'commander';
import { registerAudit } from './adapters/cli/audit.ts';
import { registerCheck, renderProblem } from './adapters/cli/check.ts';
import { registerExplain, type TokenHeader } from './adapters/cli/explain.ts';
import { registerKeys } from './adapters/cli/keys.ts';
import { registerSecret } from './adapters/cli/keys-secret.ts';
import type { BrokerPlace } from './adapters/cli/place.ts';
import { registerServe } from './adapters/cli/serve.ts';
import { registerSpiffe } from './adapters/cli/spiffe.ts';
import type { Terminal } from './adapters/cli/terminal.ts';
import { registerToken } from './adapters/cli/token.ts';
import { createOperator } from './adapters/control/operator.ts';
import { openLines, verifyFile } from './audit/lines.ts';
import { startBroker } from './compose.ts';
import { askTools, secretTools } from './compose-ask.ts';
import { checkTools } from './compose-check.ts';
import { assumedClient } from './compose-clients.ts';
import { type OpenSource, offlineReach, readConfiguration, type World } from './compose-configuration.ts';
import { inspectTools } from './compose-inspect.ts';
import { KINDS, TRUST_KINDS } from './compose-kinds.ts';
import type { BrokerWorld } from './compose-state.ts';
import { createConfigFiles } from './config/files.ts';
import { loadConfig } from './config/load.ts';
import { type LackingFile, refuse } from './core/refusal.ts';
import { explainQuestion } from './policy/explain.ts';
import { lackingFile } from './verifiers/lacking-file.ts';

export interface Signals {
  /** Calls back on the signal to stop, and on the one to reload. */
  onSignal(handlers: { readonly stop: () => void; readonly reload: () => void }): void;
}

/** The program; `parseAsync` runs it. */
export function createProgram(world: BrokerWorld, terminal: Terminal, signals: Signals): Command {
  const program = new Command('exchequer')
    .description('A token-exchange broker: proves workloads, asks a default-deny policy, issues short-lived tokens.')
    .version(world.version)
    .exitOverride((error) => {
      terminal.exit(error.exitCode === 0 ? 0 : 2);
      throw error;
    })
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
    });
  registerServe(program, terminal, serveTools(world, signals));
  registerCheck(program, terminal, checkTools(world));
  registerExplain(program, terminal, explainTools(world));
  registerToken(program, terminal, askTools(world));
  registerSpiffe(program, terminal, inspectTools(world));
  const keys = registerKeys(program, terminal, keyTools(world));
  registerSecret(keys, terminal, secretTools(world));
  registerAudit(program, terminal, {
    configured: (config) => auditFile(world, config),
    lines: openLines,
    verify: verifyFile,
  });
  return program;
}

const serveTools = (world: BrokerWorld, signals: Signals) => ({
  async start(path: string) {
    const started = await startBroker(world, path);
    if (!started.ok) return started;
    const { broker } = started;
    const serving = { addresses: broker.addresses, reload: broker.reload, stop: () => broker.stop('signal') };
    return { ok: true as const, serving };
  },
  onSignal: signals.onSignal,
});

const explainTools = (world: World) => ({
  nowSeconds: world.clock.nowSeconds,
  async load(path: string) {
    const reach = offlineReach(world);
    const read = await readConfiguration(world, path, reach);
    reach.caches.retain(new Set());
    if (!read.ok) return read;
    const { config, sources, clients, compiled, verifiers } = read.configuration;
    const offline = {
      sources: sources.map(({ config }) => config.name),
      clients: clients.map(({ settings }) => assumedClient(config, settings)),
      async assume(
        name: string | undefined,
        claims: Parameters<typeof verifiers.responsible>[0],
        header?: TokenHeader,
      ) {
        const named = sources.find(({ config }) => config.name === name)?.verifier;
        const source = named ? { ok: true as const, value: named } : verifiers.responsible(claims);
        if (!source.ok) return source;
        const assumed = source.value.assume(claims);
        if (!assumed.ok) return assumed;
        const open = sources.find(({ verifier }) => verifier === source.value);
        const lacking = header && open && (await lackingKey(open, header));
        if (lacking) return refuse({ reason: 'key_unknown', role: 'subject', source: source.value.source, lacking });
        return { ok: true as const, principal: assumed.value };
      },
      explain: (question: Parameters<typeof explainQuestion>[1]) => explainQuestion(compiled, question),
    };
    return { ok: true as const, offline };
  },
  decision(id: string, broker: BrokerPlace) {
    const operator = createOperator(controlSocket(world, broker));
    return id === 'last' ? operator.lastDecision() : operator.decision(id);
  },
});

/** What a source's file of keys lacks for a token. Keys that are fetched are not known here. */
async function lackingKey({ config, keys }: OpenSource, { alg, kid }: TokenHeader): Promise<LackingFile | undefined> {
  const kind = TRUST_KINDS.find(({ kind }) => kind === config.kind);
  const algorithm = kind?.table.algorithms.find((known) => known === alg);
  const found = algorithm && (await keys.keys.find({ alg: algorithm, kid }));
  return found?.found === 'none' ? lackingFile(found, { alg, kid }).lacking : undefined;
}

const keyTools = (world: World) => (broker: BrokerPlace) => {
  const operator = () => createOperator(controlSocket(world, broker));
  return {
    list: async () => operator().keys(),
    rotate: async (algorithm?: 'ES256' | 'RS256') => operator().rotateKeys(algorithm),
    revoke: async (kid: string) => operator().revokeKey(kid),
  };
};

/** Where a configuration puts its control socket and its records, for verbs that only need to know that. */
function configured(world: World, path: string) {
  const loaded = loadConfig({ path, env: world.env, kinds: KINDS, files: createConfigFiles() });
  if (loaded.ok) return loaded.config;
  const [first, ...others] = loaded.problems.map(renderProblem);
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  throw new Error(`${first ?? path}${more}; --config or EXCHEQUER_CONFIG names another configuration`);
}

const controlSocket = (world: World, { config, control }: BrokerPlace): string =>
  control ?? configured(world, config).control.socket;

function auditFile(world: World, path: string): string {
  const { audit } = configured(world, path);
  if (audit.to === 'stdout') throw new Error('records go to standard output: pipe them in, with - for the file');
  return audit.to;
}
