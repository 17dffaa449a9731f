// Where the configuration is, and where its running broker listens: the same two flags on every verb that needs to know. Flag over
// environment over default; an empty variable is none.

import type { Command } from 'commander';
import type { Terminal } from './terminal.ts';

const CONFIG_DEFAULT = 'exchequer.yaml';

export const CONFIG_HELP = `the configuration (EXCHEQUER_CONFIG; else ${CONFIG_DEFAULT})`;
export const CONTROL_HELP = 'the control socket (EXCHEQUER_CONTROL; else as configured)';

export interface BrokerPlace {
  readonly config: string;
  /** Undefined where the configuration says it. */
  readonly control: string | undefined;
}

interface PlaceFlags {
  readonly config?: string;
  readonly control?: string;
}

export const configPath = (flag: string | undefined, env: Terminal['env']): string =>
  flag ?? (env.EXCHEQUER_CONFIG || CONFIG_DEFAULT);

/** What named it, for people. */
export const configFrom = (flag: string | undefined, env: Terminal['env']): string =>
  flag !== undefined ? 'from --config' : env.EXCHEQUER_CONFIG ? 'from EXCHEQUER_CONFIG' : 'here';

export const brokerPlace = ({ config, control }: PlaceFlags, env: Terminal['env']): BrokerPlace => ({
  config: configPath(config, env),
  control: control ?? (env.EXCHEQUER_CONTROL || undefined),
});

/** Adds both flags to a verb that asks the running broker. */
export const withPlace = (verb: Command): Command =>
  verb.option('--config <file>', CONFIG_HELP).option('--control <socket>', CONTROL_HELP);
