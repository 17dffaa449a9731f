// What `run` and `sidecar` share: the flags that name targets of clouds, read into one order, and the tools that serve it on loopback.
// Decides nothing about credentials; a flag that cannot be meant is a sentence, never a guess.

import type { Command } from 'commander';
import { type BrokerCaller, type CallerFlags, type CallerTools, withCaller } from './broker-caller.ts';
import { escaped } from './shown.ts';

export interface LocalFlags extends CallerFlags {
  readonly aws?: readonly string[];
  readonly gcp?: string;
  readonly azure?: readonly string[];
  readonly project?: string;
  readonly port?: string;
}

/** Which targets are served as what. */
export interface LocalOrder {
  readonly aws: readonly string[];
  readonly google:
    | {
        readonly target: string;
        readonly email: string | undefined;
        readonly project: { readonly id: string | undefined; readonly number: string | undefined };
      }
    | undefined;
  readonly azure: readonly { readonly target: string; readonly resource: string | undefined }[];
  readonly port: number;
}

export interface LocalSecrets {
  readonly aws: string;
  readonly azure: string;
}

export type FirstAnswer =
  | { readonly target: string; readonly answer: 'served' }
  | { readonly target: string; readonly answer: 'refused' | 'unavailable'; readonly sentence: string };

/** Credentials on loopback, kept fresh. */
export interface LocalServing {
  /** Asks for every one of them, and gives what came of it. */
  start(): Promise<readonly FirstAnswer[]>;
  /** Rejects where the port cannot be had. */
  listen(port: number): Promise<void>;
  /** What SDKs read. Secret in part: for a child's environment or a private file. */
  variables(): Readonly<Record<string, string>>;
  close(): Promise<void>;
}

export interface LocalTools extends CallerTools {
  /** Opens nothing yet. `secrets`: those of a helper before this one. */
  serve(
    order: LocalOrder,
    parts: {
      readonly caller: BrokerCaller;
      readonly secrets: Partial<LocalSecrets>;
      /** Programs of our own user alone, where no secret tells them apart. */
      readonly ownUser: boolean;
      readonly notice: (line: string) => void;
    },
  ): LocalServing;
}

const several = (one: string, all: string[] = []) => [...all, one];

/** Adds the flags to a verb. */
export const withTargets = (verb: Command): Command =>
  withCaller(verb)
    .option('--aws <target>', 'a role of AWS, as container credentials', several)
    .option('--gcp <target[=email]>', "the account of Google's metadata server, and its name")
    .option('--project <id[=number]>', 'with --gcp: the project that the metadata server tells')
    .option(
      '--azure <target[=resource]>',
      'a managed identity of Azure App Service; several for several resources',
      several,
    )
    .option('--port <port>', 'of 127.0.0.1 (a free one)');

/** The order that these flags are, or what is wrong with them. */
export function readOrder(flags: LocalFlags): LocalOrder | { readonly problem: string } {
  const { aws = [], azure = [], gcp, project, port = '0' } = flags;
  if (aws.length + azure.length === 0 && gcp === undefined)
    return { problem: 'what for: --aws, --gcp or --azure names a target' };
  if (project !== undefined && gcp === undefined) return { problem: '--project is for --gcp' };
  if (!/^[0-9]{1,5}$/.test(port) || Number(port) > 65_535) return { problem: '--port must be a number up to 65535' };
  const given = [...aws, ...azure, ...(gcp === undefined ? [] : [gcp])];
  const empty = given.find((one) => one === '' || one.startsWith('='));
  if (empty !== undefined) return { problem: `${empty === '' ? 'a flag' : escaped(empty)} names no target` };
  const twice = repeated(aws) ?? repeated(azure.map((one) => cut(one)[0]));
  if (twice !== undefined) return { problem: `${escaped(twice)} is named twice` };
  return {
    aws,
    azure: azure.map((one) => ({ target: cut(one)[0], resource: cut(one)[1] })),
    google: gcp === undefined ? undefined : { target: cut(gcp)[0], email: cut(gcp)[1], project: projectOf(project) },
    port: Number(port),
  };
}

const projectOf = (project: string | undefined) => {
  const [id, number] = project === undefined ? [undefined, undefined] : cut(project);
  return { id, number };
};

/** A name, and what is said of it behind the first `=`. */
function cut(text: string): readonly [string, string | undefined] {
  const at = text.indexOf('=');
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1) || undefined];
}

const repeated = (names: readonly string[]): string | undefined =>
  names.find((name, index) => names.indexOf(name) !== index);
