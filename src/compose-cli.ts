// The command line, composed: every verb with the typed tools it needs. Verbs that look at files work offline; those about a
// running broker go to its control socket. `main.ts` hands in the world and the signals.

import { Command } from 'commander';
import { registerAudit } from './adapters/cli/audit.ts';
import { registerBlock } from './adapters/cli/block.ts';
import { registerCheck, renderProblem } from './adapters/cli/check.ts';
import { registerDev } from './adapters/cli/dev.ts';
import { registerDoctor } from './adapters/cli/doctor.ts';
import { registerExplain } from './adapters/cli/explain.ts';
import { commandedBy } from './adapters/cli/incident-tools.ts';
import { registerInit } from './adapters/cli/init.ts';
import { registerKeys } from './adapters/cli/keys.ts';
import { registerPublish } from './adapters/cli/keys-publish.ts';
import { registerSecret } from './adapters/cli/keys-secret.ts';
import type { BrokerPlace } from './adapters/cli/place.ts';
import { registerRevoke } from './adapters/cli/revoke.ts';
import { type Programs, registerRun } from './adapters/cli/run.ts';
import { registerSchema } from './adapters/cli/schema.ts';
import { registerServe } from './adapters/cli/serve.ts';
import { registerSetup } from './adapters/cli/setup.ts';
import { registerSidecar } from './adapters/cli/sidecar.ts';
import { registerSpiffe } from './adapters/cli/spiffe.ts';
import type { Terminal } from './adapters/cli/terminal.ts';
import { registerToken } from './adapters/cli/token.ts';
import { createOperator } from './adapters/control/operator.ts';
import { openLines, verifyFile } from './audit/lines.ts';
import { startBroker } from './compose.ts';
import { askTools, outTools, secretTools } from './compose-ask.ts';
import { checkTools } from './compose-check.ts';
import type { World } from './compose-configuration.ts';
import { devTools, runningDev, runningRecords, signAsTools } from './compose-dev.ts';
import { doctorTools } from './compose-doctor.ts';
import { explainTools } from './compose-explain.ts';
import { registerHelpers } from './compose-helpers.ts';
import { inspectTools } from './compose-inspect.ts';
import { KINDS } from './compose-kinds.ts';
import { localTools, sidecarTools } from './compose-local.ts';
import { registerPolicyTools } from './compose-policy-tools.ts';
import { publishTools } from './compose-publish.ts';
import { registerRecordTools } from './compose-record-tools.ts';
import { schemaTools } from './compose-schema.ts';
import { setupTools } from './compose-setup.ts';
import type { BrokerWorld } from './compose-state.ts';
import { createConfigFiles } from './config/files.ts';
import { loadConfig } from './config/load.ts';

export interface Signals {
  /** Calls back on the signal to stop, and on the one to reload. */
  onSignal(handlers: { readonly stop: () => void; readonly reload: () => void }): void;
}

/** The program; `parseAsync` runs it. */
export function createProgram(world: BrokerWorld, terminal: Terminal, signals: Signals & Programs): Command {
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
  registerDev(program, terminal, { ...devTools(world), onSignal: signals.onSignal });
  registerInit(program, terminal);
  registerSchema(program, terminal, schemaTools);
  registerCheck(program, terminal, checkTools(world));
  registerSetup(program, terminal, setupTools(world));
  const explain = explainTools(world, (broker) => decisionsSocket(world, broker));
  registerExplain(program, terminal, explain);
  const caller = { ...askTools(world), dev: signAsTools() };
  registerDoctor(program, terminal, { ...doctorTools(world), caller });
  registerToken(program, terminal, { ...caller, out: outTools(world, signals.onSignal) });
  registerHelpers(program, terminal, world, caller);
  const local = localTools(world, caller);
  registerRun(program, terminal, { ...local, run: signals.run, leave: signals.leave });
  registerSidecar(program, terminal, sidecarTools(local, signals.onSignal));
  registerSpiffe(program, terminal, inspectTools(world));
  const keys = registerKeys(program, terminal, keyTools(world));
  registerSecret(keys, terminal, secretTools(world));
  const operatorAt = (broker: BrokerPlace) => createOperator(controlSocket(world, broker));
  registerPublish(keys, terminal, publishTools(world, operatorAt));
  registerBlock(program, terminal, operatorAt);
  registerRevoke(program, terminal, { at: operatorAt, readInput: explain.readInput });
  const configured = async (config: string) => (await runningRecords(config)) ?? auditFile(world, config);
  const audit = registerAudit(program, terminal, { configured, lines: openLines, verify: verifyFile });
  registerPolicyTools(program, terminal, world);
  registerRecordTools(program, audit, terminal, { world, configured });
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

const keyTools = (world: World) => (broker: BrokerPlace) => {
  const operator = () => createOperator(controlSocket(world, broker));
  return {
    list: async () => operator().keys(),
    rotate: async (algorithm?: 'ES256' | 'RS256') => operator().rotateKeys(algorithm),
    revoke: async (kid: string) => operator().revokeKey(kid, { why: 'keys revoke', by: commandedBy(world.env) }),
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

/** Decisions are asked of the `dev` that runs on a configuration, where one does. */
const decisionsSocket = async (world: World, broker: BrokerPlace): Promise<string> =>
  broker.control ?? (await runningDev(broker.config)) ?? controlSocket(world, broker);

function auditFile(world: World, path: string): string {
  const { audit } = configured(world, path);
  if (audit.to === 'stdout') throw new Error('records go to standard output: pipe them in, with - for the file');
  return audit.to;
}
