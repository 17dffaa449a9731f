// `exchequer kube [TARGET]`: a client-go credential plugin (client.authentication.k8s.io/v1 and v1beta1) for kubectl and whatever else reads a
// kubeconfig. Without a target the cluster's own extension names it, so that one user entry serves every cluster, each with a token of its
// audience. A 401 makes the client ask again. A refusal's sentence is on stderr (exit 1).

import type { Command } from 'commander';
import { isJsonObject } from '../../../core/json.ts';
import { readJson } from '../../../parsing/json.ts';
import { type CallerFlags, withCaller } from '../broker-caller.ts';
import { jsonLine } from '../shown.ts';
import { instant } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { askForAccessToken, endFailed, type Failed, failed, type HelperTools } from './helper.ts';

const VERSIONS = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'];

/** Adds the verb to the program. */
export function registerKube(program: Command, terminal: Terminal, tools: HelperTools): void {
  withCaller(program.command('kube'))
    .description('an ExecCredential for kubectl and other clients of Kubernetes')
    .argument('[target]', "the target; else `target` or `audience` in the cluster's extension")
    .action(async (target: string | undefined, flags: CallerFlags) => {
      const wanted = readWanted(terminal.env.KUBERNETES_EXEC_INFO, target);
      if (!wanted.ok) return endFailed(terminal, wanted);
      const had = await askForAccessToken(terminal, tools, flags, wanted.target);
      if (!had.ok) return endFailed(terminal, had);
      const { token, expiresAtSeconds } = had;
      const status = {
        token,
        ...(expiresAtSeconds === undefined ? {} : { expirationTimestamp: instant(expiresAtSeconds) }),
      };
      terminal.out(jsonLine({ apiVersion: wanted.apiVersion, kind: 'ExecCredential', status }));
      terminal.exit(0);
    });
}

type Wanted = { readonly ok: true; readonly apiVersion: string; readonly target: string } | Failed;

function readWanted(info: string | undefined, named: string | undefined): Wanted {
  const read = info ? readJson(info) : undefined;
  if (read && !(read.ok && isJsonObject(read.value))) return failed(2, 'KUBERNETES_EXEC_INFO is no JSON object');
  const { apiVersion = VERSIONS[0], spec } = read?.ok && isJsonObject(read.value) ? read.value : {};
  if (typeof apiVersion !== 'string' || !VERSIONS.includes(apiVersion))
    return failed(2, `KUBERNETES_EXEC_INFO is of another version than ${VERSIONS.join(' and ')}`);
  const cluster = isJsonObject(spec) ? spec.cluster : undefined;
  const config = isJsonObject(cluster) ? cluster.config : undefined;
  const extension = isJsonObject(config) ? (config.target ?? config.audience) : undefined;
  const target = named ?? extension;
  return typeof target === 'string' && target !== ''
    ? { ok: true, apiVersion, target }
    : failed(
        2,
        'which target: an argument, or `target` or `audience` in the extension client.authentication.k8s.io/exec of the cluster, with `provideClusterInfo: true`',
      );
}
